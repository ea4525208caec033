"""The six games, each a file of compiled kernels that exports one `GAME`."""
