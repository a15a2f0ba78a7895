"""One thing that was looked at before a peer takes part."""

from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from fedh2l.error import FedH2LError


class Finding(NamedTuple):
    """`what` was looked at, what was `found`, and how to `fix` it where it is not `ok`."""

    what: str
    ok: bool
    found: str
    fix: str = ""


def refusal(what: str, error: BaseException) -> Finding:
    """The finding that an error stands for: of ours the sentence and its fix, of any other where
    it was raised.
    """
    text = " ".join(str(error).split())
    if isinstance(error, FedH2LError):
        found, _, fix = text.partition("; ")
        return Finding(what, False, found, fix or "mend this in the model's file")
    last = extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"
    return Finding(what, False, f"{type(error).__name__}: {text}", f"look at {place}")


def guarded(what: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings; where looking for them fails, that is one too."""
    try:
        yield from findings
    except Exception as error:
        yield refusal(what, error)
