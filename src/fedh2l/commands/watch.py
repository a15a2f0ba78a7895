"""A local page that follows a member's folder: accuracy, bytes, how far peers are apart, and the
members present. Drawn by trackio, on this machine.
"""

import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.live.member_folder import is_running, read_journal
from fedh2l.live.trust.terms import open_invite

OFTEN = 1.0  # seconds between two looks at the journal


def follow(folder: Path, project: str, *, once: bool = False, port: int | None = None) -> None:
    """Show the page, and follow the member until it has ended.

    With `once`, take in the finished rounds and return.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing leaves this machine
    os.environ.setdefault("TRACKIO_DIR", str((folder / "page").resolve()))
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import trackio  # type: ignore[import-not-found]
    except ImportError as error:
        raise FedH2LError(
            "fedh2l watch needs the extra `live`: pip install 'fedh2l[live]'"
        ) from error

    terms = open_invite(folder / "invite.json")
    line_count = 0  # lines of the journal that are on the page
    trackio.init(
        project,
        name=f"{folder.name}-{terms.federation}",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    if not once:
        trackio.show(
            project,
            open_browser=True,
            block_thread=False,
            host="127.0.0.1",
            share=False,
            server_port=port,
        )

    try:
        while True:
            runs, lines = is_running(folder), read_journal(folder)
            for line in lines[line_count:]:
                trackio.log(metrics(line), step=line["round"])
            line_count = len(lines)
            # A member that has just ended may have written lines after this look.
            if once or (not runs and line_count == len(read_journal(folder))):
                break
            time.sleep(OFTEN)
    finally:
        trackio.finish()

    if not once:
        print("the member has ended; the page stays until Ctrl-C")
        while True:
            time.sleep(OFTEN)


def metrics(line: dict[str, Any]) -> dict[str, int | float]:
    """The numbers of a round, by the name of their chart."""
    numbers = {
        "payload bytes said": line["payload_bytes"],
        "bytes sent": sum(s for s, _ in line["wire"].values()),
        "bytes received": sum(r for _, r in line["wire"].values()),
        "present": len(line["present"]),
        "missing": len(line["missing"]),
        "refused": len(line["refused"]),
        "seconds": line["seconds"],
    }
    numbers |= {f"apart from/{name}": apart for name, apart in line["apart"].items()}
    return numbers | ({} if line["accuracy"] is None else {"accuracy": line["accuracy"]})


def watch(folder: Path, *, project: str = "fedh2l-live", once: bool = False) -> None:
    """A local page with accuracy, bytes, how far peers are apart, and who is here. Needs the extra
    `live` (trackio).

    Parameters
    ----------
    folder
        The --out of fedh2l join.
    project
        The page's name for this federation.
    once
        Take in the finished rounds, and end.
    """
    try:
        follow(folder, project, once=once)
    except KeyboardInterrupt:
        sys.exit(130)
