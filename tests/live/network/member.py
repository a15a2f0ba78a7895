"""One member as a process of its own: a line of JSON for every round.

Arguments: folder, name, rounds, and options as JSON.
"""

import json
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.relay import relay
from fedh2l.live.trust.identity import open_identity
from fedh2l.live.trust.terms import open_invite


def main(folder: Path, name: str, rounds: int, options: dict[str, Any]) -> None:
    """Options: bytes (of a frame), pause (seconds after a round), and fields of the terms that are
    changed here.
    """
    # Also in a shell's background, which is deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    size, pause = options.pop("bytes", 100), options.pop("pause", 0.0)
    terms = replace(open_invite(folder / "invite.json"), **options)
    if rounds < 0:
        for carrying in relay(terms, open_identity(folder / name), folder / name / "run"):
            print(json.dumps(sorted(carrying.names)), flush=True)
    with ZenohP2P(
        terms, open_identity(folder / name), folder / name / "run", delivered={}
    ) as exchange:
        for t in range(rounds):
            start = time.monotonic()
            inbox = exchange(t, {name: f"{name}{t} ".encode().ljust(size, b".")})[name]
            line: dict[str, Any] = {
                "t": t,
                "seconds": time.monotonic() - start,
                "events": exchange.events(),
            }
            line["heard"] = {
                n: [p.split()[0].decode() for p in posts] for n, posts in inbox.items()
            }
            print(json.dumps(line | {"wire": exchange.wire_bytes, "rss": rss()}), flush=True)
            time.sleep(pause)
        sys.stdin.readline()  # others may still want to hear


def rss() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
