"""Numbers as a person reads them."""

from collections.abc import Mapping
from typing import Any


def size(n: int | float) -> str:
    """So many bytes as a person reads them: 1.8 MB."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def percent(accuracy: float | None) -> str:
    """An accuracy in [0, 1] as a person reads it: 81.3; a dot where there is none yet."""
    return "·" if accuracy is None else f"{100 * accuracy:.1f}"


def budget(privacy: Mapping[str, Any] | None) -> str:
    """What was spent of a privacy budget (`Spent`), as a table shows it; nothing where there is
    none.
    """
    return "" if privacy is None else f"{privacy['epsilon']:.2f} of {privacy['budget']:g}"
