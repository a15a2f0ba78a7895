"""Where in the user's own file a model is, or has failed."""

from collections.abc import Iterable
from pathlib import Path
from sysconfig import get_paths
from traceback import FrameSummary, extract_tb

PACKAGE = str(Path(__file__).parents[1])
LIBRARIES = (get_paths()["stdlib"], "<frozen", "<string")


def place_of(frames: Iterable[FrameSummary]) -> str:
    """The innermost place in a file of the user's that this package has called; empty: none."""
    place, is_called = "", False
    for frame in frames:
        if frame.filename.startswith(PACKAGE):
            is_called = True
        elif is_called and _is_own(frame.filename):
            place = f"{frame.filename}, line {frame.lineno}"
    return place


def _is_own(file: str) -> bool:
    return "site-packages" not in file and not file.startswith(LIBRARIES)


def fault_of(error: BaseException) -> str | None:
    """A failure of the user's own code in one line; None where the fault is not in it."""
    place = place_of(extract_tb(error.__traceback__))
    if not place:
        return None
    words = " ".join(str(error).split())[:300]
    return f"your model failed: {type(error).__name__}: {words} ({place})"
