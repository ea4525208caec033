"""watch placeholder"""
from dataclasses import dataclass
@dataclass(frozen=True)
class Watch:
    """w"""
