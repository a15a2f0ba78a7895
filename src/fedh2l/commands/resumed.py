"""What may stand beside --resume: how a run is done, and nothing of what it computes."""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fedh2l.commands.flags import named_flags
from fedh2l.commands.workers import ABOUT_WORKERS
from fedh2l.error import FedH2LError
from fedh2l.simulation import run_folder
from fedh2l.simulation.run_folder import RunFolder

PREFIX = "FEDH2L_RUN_"
ALLOWED = {"resume", *ABOUT_WORKERS, "json"}


def open_again(folder: Path, words: Sequence[str]) -> RunFolder:
    """The run in this folder, with the configuration it had.

    Raises FedH2LError where there are settings beside --resume, on the command line or in the
    environment.
    """
    others = [f"--{name}" for name in sorted(set(named_flags(words)) - ALLOWED)]
    others += [v for v in sorted(os.environ) if _setting_in(v) not in {None, *ALLOWED}]
    if others:
        raise FedH2LError(
            f"--resume goes on with the configuration in the folder; leave the other flags out "
            f"({others[0]}), or start a new run"
        )
    return run_folder.open_again(folder)


def _setting_in(variable: str) -> str | None:
    """The setting that an environment variable of this command names; None for any other."""
    if not variable.startswith(PREFIX):
        return None
    return variable.removeprefix(PREFIX).lower()


@contextmanager
def last_words(place: Path) -> Generator[None]:
    """A run that Ctrl-C stops says how to go on; before it has begun there is nothing to keep."""
    try:
        yield
    except KeyboardInterrupt:
        begun = (place / run_folder.CONFIG).is_file()
        again = f"; go on with fedh2l run --resume {place}" if begun else ""
        print(f"\nstopped{again}", file=sys.stderr)
        sys.exit(130)
