"""One thread that works off what the network brings: its callbacks only put things into a queue.

And what a person should know of it.
"""

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

import zenoh

TICK, TIMEOUT = 0.5, 10.0  # seconds
# Key below the root, payload, whether it is one (else: the end, or taken back).
Letter = Callable[[str, bytes, bool], None]


class Event(NamedTuple):
    kind: str  # joined, left, refused, equivocation, alone, duplicate, resent, terms
    peer: str
    reason: str


class Mailbox:
    """Letters are read one after another in its own thread, from `start` to `close`; `ticks` are
    called in between, every TICK at least.
    """

    def __init__(self, session: zenoh.Session, root: str) -> None:
        self.session, self.root = session, root
        self._queue: SimpleQueue[tuple[Callable[..., None], tuple[object, ...]] | None] = (
            SimpleQueue()
        )
        self._events: deque[Event] = deque(maxlen=1000)

    def start(self, name: str, *ticks: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=self._work, args=ticks, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _work(self, *ticks: Callable[[], None]) -> None:
        while True:
            try:
                if (item := self._queue.get(timeout=TICK)) is None:
                    return
                what, arguments = item
                what(*arguments)
            except Empty:
                pass
            for tick in ticks:
                tick()

    def put(self, what: Callable[..., None], *arguments: object) -> None:
        self._queue.put((what, arguments))

    def putting(self, what: Letter) -> "zenoh.handlers.Callback[zenoh.Sample]":
        """A callback of the network that reads nothing itself."""
        return zenoh.handlers.Callback(lambda sample: self._put(what, sample), indirect=False)

    def ask(self, key: str, then: Letter, parameters: str = "", timeout: float = TIMEOUT) -> None:
        """`then(key, payload, True)` for every answer, and `then(key, b'', False)` at the end."""

        def answered(reply: zenoh.Reply) -> None:
            if reply.ok:
                self._put(then, reply.ok)

        self.session.get(
            f"{self.root}/{key}{parameters}",
            zenoh.handlers.Callback(
                answered, lambda: self.put(then, key, b"", False), indirect=False
            ),
            timeout=timeout,
            consolidation=zenoh.ConsolidationMode.NONE,
            target=zenoh.QueryTarget.ALL,
            congestion_control=zenoh.CongestionControl.BLOCK,  # holds for the answer, too
        )

    def _put(self, what: Letter, sample: zenoh.Sample) -> None:
        key = str(sample.key_expr).removeprefix(f"{self.root}/")
        self.put(what, key, sample.payload.to_bytes(), sample.kind == zenoh.SampleKind.PUT)

    def tell(self, event: Event) -> None:
        if not self._events or self._events[-1] != event:
            self._events.append(event)

    def drain(self) -> list[Event]:
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events
