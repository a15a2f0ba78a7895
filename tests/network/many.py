"""Many members behind one relay, in one process, a thread each. Arguments: folder, rounds, bytes of a frame. Prints JSON."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from member import rss

from fedh2l.exchange.zenoh_p2p import ZenohP2P
from fedh2l.live.identity import open_identity
from fedh2l.live.relay import relay
from fedh2l.live.terms import open_invite


def main(folder: Path, rounds: int, size: int) -> None:
    terms = open_invite(folder / "invite.json")
    carrying = relay(terms, open_identity(folder / "r"), folder / "r" / "run")
    next(carrying)

    before = rss()
    with ExitStack() as stack, ThreadPoolExecutor(len(terms.members)) as pool:

        def opened(name: str) -> ZenohP2P:
            return ZenohP2P(terms, open_identity(folder / name), folder / name / "run", since={}).__enter__()

        start = time.monotonic()
        members = list(pool.map(opened, [m.name for m in terms.members]))
        for m in members:
            stack.push(m)
        told: dict[str, Any] = {"open": round(time.monotonic() - start, 2), "seconds": list[float](), "cpu": list[float](), "heard": 0}
        for t in range(rounds):
            start, cpu = time.monotonic(), time.process_time()
            heard = list(pool.map(lambda m, t=t: m(t, {m.me: bytes(size)})[m.me], members))
            told["seconds"].append(round(time.monotonic() - start, 2))
            told["cpu"].append(round(time.process_time() - cpu, 2))
            told["heard"] += sum(len(posts) for inbox in heard for posts in inbox.values())
        told["memory_per_member"] = (rss() - before) // len(members)
        told["wire"] = sum(traffic.sent for m in members for traffic in m.wire_bytes.values())
        told["payload"] = rounds * size * len(members) * (len(members) - 1)
    print(json.dumps(told))
    del carrying


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
