"""Utilities: files and paths, terminal output, numba kernels, parsing, system memory."""
