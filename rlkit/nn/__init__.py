"""Parts of networks: encoders that read observations, heads that give values."""
