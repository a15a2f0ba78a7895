"""`fedh2l report`: a run, a sweep, or a live member's part, as a page in one file."""

import shlex
from pathlib import Path

from fedh2l.error import FedH2LError


def write_report(folder: Path) -> Path:
    """report.html of a finished run; of a sweep or a live member also while they go on."""
    if (folder / "invite.json").is_file():
        from fedh2l.commands.pages.member_page import write_member_page

        return write_member_page(folder)

    if (folder / "cells.csv").is_file():
        from fedh2l.commands.pages.sweep_page import write_sweep_page

        return write_sweep_page(folder)

    from fedh2l.commands.pages.run_page import write_run_page

    if not (folder / "summary.json").is_file():
        raise FedH2LError(
            f"{folder}: no summary.json, so no finished run, no cells.csv of a sweep and no "
            "invite.json of a live member; go on with a run by "
            + shlex.join(["fedh2l", "run", "--resume", str(folder)])
        )
    return write_run_page(folder)


def report(folder: Path) -> None:
    """Write report.html into a folder: one file for any browser, also offline and on a phone.

    Parameters
    ----------
    folder
        A finished run, a sweep, or a live member's part (the --out of fedh2l join).
    """
    print(write_report(folder))
