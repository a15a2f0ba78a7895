"""`fedh2l report`: what a run reached, as a page in one file."""

import shlex
from pathlib import Path

from fedh2l.commands.pages.run_page import write_run_page
from fedh2l.error import FedH2LError


def write_report(folder: Path) -> Path:
    """report.html of a finished run."""
    if not (folder / "summary.json").is_file():
        raise FedH2LError(
            f"{folder}: no summary.json, so no finished run; go on with "
            + shlex.join(["fedh2l", "run", "--resume", str(folder)])
        )
    return write_run_page(folder)


def report(folder: Path) -> None:
    """Write a run's report.html anew.

    Parameters
    ----------
    folder
        A finished run.
    """
    print(write_report(folder))
