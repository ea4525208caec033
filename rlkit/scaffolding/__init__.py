"""Writes the beginnings of packages: small, complete, and tested, to be changed piece by piece into one's own."""

from rlkit.scaffolding.names import Names
from rlkit.scaffolding.writing import write_package

__all__ = ["Names", "write_package"]
