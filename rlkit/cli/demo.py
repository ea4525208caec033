"""demo placeholder"""
from dataclasses import dataclass
@dataclass(frozen=True)
class Demo:
    """d"""
