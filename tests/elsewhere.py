"""What both viewers are tested with, of what goes wrong in other live viewers."""

from __future__ import annotations

from typing import Final

MIXED: Final = [
    ("u1", "u2", 60000),
    ("u1", "f4", 0.5),
    ("u2", "f8", 0.5),
    ("i2", "i4", 70000),
    ("u2", "i2", -5),
]
"""Two dtypes of one stream, and a value of the second that the first does not hold."""
