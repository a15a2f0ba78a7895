"""What a member hears: one thread that takes in announcements and pulls the posts behind them, from their author or from a mirror.

Callbacks of the network only put things into a queue. Who is present only decides whom to ask first; a post counts by its signature.
"""

import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import NamedTuple

import zenoh

from fedh2l.exchange.zenoh_link import LEASE, root
from fedh2l.live.post import ENVELOPE, PostError
from fedh2l.live.register import Equivocation, Register, unbundle
from fedh2l.live.terms import Terms, TermsError, read_terms

NEWS = struct.Struct("<II")  # round of the newest post, version of the invite; a small post follows it the first time
PUSHED = 8192  # bytes of a payload that is small enough to be told at once
TICK, ASK_AGAIN, QUIET, TIMEOUT = 0.5, 1.0, 3.0, 10.0  # seconds
CHECK = 60.0  # seconds from one question whether somebody else has my name to the next
LOST = 3.0  # seconds after which a question may have been lost, and one more is asked beside it
SLOWEST = 8.0  # seconds between two questions to somebody from whom nothing is known to be there


class Event(NamedTuple):
    kind: str  # joined, left, refused, equivocation, alone, duplicate, resent, terms
    peer: str
    reason: str


@dataclass
class Line:
    """What is known of one author, and what it has been asked."""

    announced: int = -1
    heard_at: float = 0.0  # its last announcement
    asked_at: float = 0.0
    asking: int = 0  # questions that are not answered yet
    wait: float = ASK_AGAIN
    behind_since: float = 0.0  # since when something is wanted that is not here
    mirror: int = -1  # whose turn it is


@dataclass
class Puller:
    """Pulls into a register until it is closed."""

    session: zenoh.Session
    terms: Terms
    me: str
    instance: str
    register: Register
    changed: threading.Condition  # guards the register; notified when something new is in it
    floor: Mapping[str, int]  # rounds of each author up to which nothing is wanted
    twin: bool = False  # somebody else had this name before
    invite: bytes | None = None  # a later one
    removed: bool = False  # I am not in it
    received: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))

    def __post_init__(self) -> None:
        self._root = root(self.terms)
        self._queue: SimpleQueue[tuple[Callable[..., None], tuple[object, ...]] | None] = SimpleQueue()
        self._lines = {m.name: Line() for m in self.terms.members if m.name != self.me}
        self._instances: dict[str, set[str]] = {m.name: set() for m in self.terms.members}
        self._events: deque[Event] = deque(maxlen=1000)
        self._wanted, self._opened = -1, 0.0
        self._terms_asked = 0.0
        self._check_at, self._suspected, self._seen = time.monotonic() + 2 * LEASE / 1000, False, dict[str, set[str]]()
        remote = zenoh.Locality.REMOTE
        self.session.declare_subscriber(f"{self._root}/*/news", self._later(self._news), allowed_origin=remote)
        self.session.liveliness().declare_subscriber(f"{self._root}/*/alive/*", self._later(self._alive), history=True)
        self._thread = threading.Thread(target=self._work, name=f"fedh2l-pull-{self.me}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def wait_for(self, t: int) -> None:
        """A round is open: who says nothing is asked. −1: none is."""
        self._queue.put((self._open, (t,)))

    def tell(self, event: Event) -> None:
        if not self._events or self._events[-1] != event:
            self._events.append(event)

    def drain(self) -> list[Event]:
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events

    def instances(self, name: str) -> set[str]:
        return set(self._instances.get(name, ()))

    def ask(self, key: str, then: Callable[..., None], parameters: str = "", timeout: float = TIMEOUT) -> None:
        """`then(name, rest of the key, payload)` for every answer, and `then(name, '', b'')` at the end; in the puller's thread."""
        name = key.partition("/")[0]

        def answered(reply: zenoh.Reply) -> None:
            if reply.ok:
                self._queue.put((then, _sample(reply.ok)))

        handler = zenoh.handlers.Callback(answered, lambda: self._queue.put((then, (f"{self._root}/{name}/", b"", False))), indirect=False)
        waits = zenoh.CongestionControl.BLOCK  # holds for the answer, too
        every, all_of = zenoh.ConsolidationMode.NONE, zenoh.QueryTarget.ALL
        self.session.get(
            f"{self._root}/{key}{parameters}", handler, timeout=timeout, consolidation=every, target=all_of, congestion_control=waits
        )

    def _later(self, what: Callable[..., None]) -> "zenoh.handlers.Callback[zenoh.Sample]":
        return zenoh.handlers.Callback(lambda sample: self._queue.put((what, _sample(sample))), indirect=False)

    def _work(self) -> None:
        look = time.monotonic()
        while True:
            try:
                if (item := self._queue.get(timeout=TICK)) is None:
                    return
                what, arguments = item
                what(*arguments)
            except Empty:
                pass
            if time.monotonic() >= look:
                look = time.monotonic() + TICK / 2
                for author in self._lines:
                    self._look(author)
                if look > self._check_at:
                    self._check_at, self._seen = look + CHECK, {}
                    self.ask(f"*/who/{self.me}", self._who)

    def _open(self, t: int) -> None:
        self._wanted, self._opened = t, time.monotonic()
        for author, line in self._lines.items():
            line.wait = ASK_AGAIN
            self._look(author)

    def _names(self, key: str) -> tuple[str, str]:
        name, _, rest = key.removeprefix(f"{self._root}/").partition("/")
        return name, rest

    def _news(self, key: str, data: bytes, _: bool) -> None:
        name = self._names(key)[0]
        if name not in self._lines or not NEWS.size <= len(data) <= NEWS.size + ENVELOPE + PUSHED:
            return
        line = self._lines[name]
        line.announced, version = NEWS.unpack_from(data)
        self.received[name] += NEWS.size
        if len(data) > NEWS.size and line.announced == self._held(name) + 1:  # else what is before it is pulled first
            self._believe(name, name, (data[NEWS.size :],))
        line.heard_at = time.monotonic()
        line.asked_at = min(line.asked_at, line.heard_at - ASK_AGAIN / 2)
        if version > self.terms.version and time.monotonic() > self._terms_asked + ASK_AGAIN:
            self._terms_asked = time.monotonic()
            self.ask(f"{name}/terms", self._newer, f"?me={self.me}")
        self._look(name)

    def _newer(self, key: str, data: bytes, _: bool) -> None:
        if not data:
            return
        try:
            terms = read_terms(data, self.terms)
        except TermsError as error:
            self.tell(Event("refused", self._names(key)[0], str(error)))
            return
        if self.invite is None or terms.version > read_terms(self.invite).version:
            with self.changed:
                self.invite, self.removed = data, self.me not in {m.name for m in terms.members}
                self.changed.notify_all()
            self.tell(Event("terms", self._names(key)[0], f"version {terms.version} of the invite, signed by the convener"))

    def _alive(self, key: str, _: bytes, here: bool) -> None:
        name, rest = self._names(key)
        instance = rest.removeprefix("alive/")
        if name not in self._instances or len(instance) > 64 or (here and len(self._instances[name]) > 8):
            return
        before = bool(self._instances[name])
        (self._instances[name].add if here else self._instances[name].discard)(instance)
        if name != self.me and before != bool(self._instances[name]):
            self.tell(Event("joined" if here else "left", name, "connected" if here else "not connected any more"))

    def _look(self, author: str) -> None:
        """Ask for what is not here yet, if it is time to."""
        line, now = self._lines[author], time.monotonic()
        held = self._held(author)
        known = line.announced > held
        told = line.heard_at and max(line.heard_at, self._opened)  # who has spoken before will do so again; a stranger is asked at once
        if not known and (held >= self._wanted or now < told + QUIET):
            line.behind_since = 0.0
            return
        line.behind_since = line.behind_since or now
        if now < line.asked_at + (ASK_AGAIN / 2 if known else line.wait):
            return
        if line.asking > min(1 + int((now - line.behind_since) / LOST), 3):
            return
        others = sorted(m for m in self._lines if m != author and self._instances[m])
        to = author
        if others and now > line.behind_since + (LOST if self._instances[author] else ASK_AGAIN):
            line.mirror += 1
            turn = line.mirror // 2 if self._instances[author] and not line.asking else line.mirror
            to = author if turn != line.mirror and line.mirror % 2 else others[turn % len(others)]
        elif line.asking and now < line.behind_since + LOST:
            return
        line.asking += 1
        line.asked_at, line.wait = now, min(line.wait * 1.5, SLOWEST)
        key = f"{author}/post" if to == author else f"{to}/mirror/{author}"

        def pulled(key: str, data: bytes, ok: bool) -> None:
            if ok:
                self._take(author, self._names(key)[0], data)
            else:
                line.asking -= 1
            self._look(author)

        self.ask(key, pulled, f"?since={held};me={self.me}")

    def _held(self, author: str) -> int:
        """The last round of this author that is here, or was delivered before."""
        with self.changed:
            newest = self.register.newest(author)
        return newest.round if newest else self.floor.get(author, -1)

    def _take(self, author: str, source: str, data: bytes) -> None:
        try:
            self._believe(author, source, list(unbundle(data)))
        except PostError as error:
            self.tell(Event("refused", author, f"{error} (from {source})"))

    def _believe(self, author: str, source: str, posts: Sequence[bytes]) -> None:
        self.received[source] += sum(map(len, posts))
        for one in posts:
            try:
                with self.changed:
                    if self.register.take(author, one) is not None:
                        self._lines[author].behind_since = 0.0
                        self.changed.notify_all()
            except PostError as error:
                via = "" if source == author else f" (from the mirror of {source})"
                self.tell(Event("equivocation" if isinstance(error, Equivocation) else "refused", author, f"{error}{via}"))
                return

    def seen_by_others(self) -> bool:
        """Whether another process had my name before me, say at least half of those who are asked now. Not from the puller's thread."""
        seen: dict[str, set[str]] = {}
        for reply in self.session.get(f"{self._root}/*/who/{self.me}", timeout=LEASE / 1000, target=zenoh.QueryTarget.ALL):
            if reply.ok:
                seen[self._names(str(reply.ok.key_expr))[0]] = _words(reply.ok.payload.to_bytes())
        return self._half(seen, lambda i: i < self.instance)

    def _who(self, key: str, data: bytes, ok: bool) -> None:
        """The same question, asked from time to time while the run goes on; believed when it is answered so twice."""
        if ok:
            self._seen[self._names(key)[0]] = _words(data)
            return
        earlier = self._half(self._seen, lambda i: i < self.instance)
        self.twin = earlier and self._suspected
        self._suspected = earlier
        if earlier:
            self._check_at = time.monotonic() + 2 * LEASE / 1000
        if self._half(self._seen, lambda i: i > self.instance):
            self.tell(
                Event(
                    "duplicate",
                    self.me,
                    "another process was started under this name; it is refused, unless it has your keys for other ends",
                )
            )

    def _half(self, seen: Mapping[str, set[str]], which: Callable[[str], bool]) -> bool:
        witnesses = sum(any(map(which, instances)) for instances in seen.values())
        return 0 < len(seen) <= 2 * witnesses


def _words(data: bytes) -> set[str]:
    return set(data[:1000].decode("ascii", "replace").split()) - {"-"}


def _sample(sample: zenoh.Sample) -> tuple[object, ...]:
    return str(sample.key_expr), sample.payload.to_bytes(), sample.kind == zenoh.SampleKind.PUT
