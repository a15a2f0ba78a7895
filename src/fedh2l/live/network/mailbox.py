"""The mailbox: one thread that works off a queue, into which the network's callbacks put letters;
and the events that a person should know of.
"""

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NamedTuple

import zenoh

TICK, TIMEOUT = 0.5, 10.0  # seconds
# Takes the key below the root, the payload, and whether there is one (no: it is the end of the
# answers, or a token was taken back).
Letter = Callable[[str, bytes, bool], None]


class Event(NamedTuple):
    # joined, left, gone, back, refused, equivocation, alone, duplicate, resent, terms, consent
    kind: str
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
                call, arguments = item
                call(*arguments)
            except Empty:
                pass
            for tick in ticks:
                tick()

    def put(self, call: Callable[..., None], *arguments: object) -> None:
        """Let the mailbox's thread call this with these arguments."""
        self._queue.put((call, arguments))

    def putting(self, letter: Letter) -> "zenoh.handlers.Callback[zenoh.Sample]":
        """A callback of the network that only puts each sample into the queue."""
        return zenoh.handlers.Callback(lambda sample: self._put(letter, sample), indirect=False)

    def ask(self, key: str, then: Letter, parameters: str = "", timeout: float = TIMEOUT) -> None:
        """Ask a question: `then(key, payload, True)` is called for every answer, and
        `then(key, b'', False)` at the end.
        """

        def put_answer(reply: zenoh.Reply) -> None:
            if reply.ok:
                self._put(then, reply.ok)

        self.session.get(
            f"{self.root}/{key}{parameters}",
            zenoh.handlers.Callback(
                put_answer, lambda: self.put(then, key, b"", False), indirect=False
            ),
            timeout=timeout,
            consolidation=zenoh.ConsolidationMode.NONE,
            target=zenoh.QueryTarget.ALL,
            congestion_control=zenoh.CongestionControl.BLOCK,  # holds for the answer, too
        )

    def _put(self, letter: Letter, sample: zenoh.Sample) -> None:
        key = str(sample.key_expr).removeprefix(f"{self.root}/")
        self.put(letter, key, sample.payload.to_bytes(), sample.kind == zenoh.SampleKind.PUT)

    def tell(self, event: Event) -> None:
        """Keep an event for a person; one that repeats the last is dropped."""
        if not self._events or self._events[-1] != event:
            self._events.append(event)

    def drain(self) -> list[Event]:
        """The events after the last call, oldest first."""
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events
