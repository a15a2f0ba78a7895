"""Refusals: every clear "no" of the package, each one line that says who, what was found, and what
to do.
"""

import difflib
from collections.abc import Iterable


class FedH2LError(ValueError):
    """Bad input, refused before anything was written.

    The command line prints it as one line and exits with 2.
    """


def choose(kind: str, name: str, known: Iterable[str]) -> str:
    """`name` if it is known, else a `FedH2LError` with the near miss and the whole list."""
    options = sorted(known)
    if name in options:
        return name
    close = difflib.get_close_matches(name, options, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise FedH2LError(f"unknown {kind} {name!r}: {hint}known: {', '.join(options)}")
