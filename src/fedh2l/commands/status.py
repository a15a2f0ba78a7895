"""`fedh2l status`: how a member is, for a person, a monitor or Prometheus."""

import sys
import time
from pathlib import Path

from fedh2l.commands.answer import Json, tell
from fedh2l.live.health import as_prometheus, health_of
from fedh2l.record.atomic import write_file


def status(
    folder: Path,
    *,
    check: bool = False,
    watch: float = 0.0,
    metrics: Path | None = None,
    as_json: Json = False,
) -> None:
    """How far a member is, whom it hears, and what it should know.

    Parameters
    ----------
    folder
        The --out of fedh2l join.
    check
        For a monitor: exit with 0 if all is well, 1 with a warning (nobody heard, a certificate
        that ends within 14 days), 3 with an alarm (not running, stalled, a certificate that ended).
    watch
        Look again every so many seconds, until Ctrl-C; 0: look once.
    metrics
        A file in Prometheus' text format, for node-exporter's textfile collector; written whole or
        not at all.
    as_json
        Answer in JSON.
    """
    while True:
        health = health_of(folder)
        if metrics is not None:
            write_file(metrics, as_prometheus(health))
            metrics.chmod(0o644)  # its reader is another user
        tell(health.answer, as_json)
        if watch <= 0:
            break
        sys.stdout.flush()
        try:
            time.sleep(watch)
        except KeyboardInterrupt:
            sys.exit(130)
        print()
    if check and health.exit_code:
        sys.exit(health.exit_code)
