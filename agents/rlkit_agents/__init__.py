"""The agents that ship with rlkit, registered exactly as anybody else's would be."""
