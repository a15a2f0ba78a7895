"""Who is connected, and whether somebody else has my name.

Nothing but the order in which members are asked depends on the former.
"""

import time
from collections.abc import Callable, Mapping

import zenoh

from fedh2l.live.network.link import LEASE
from fedh2l.live.network.mailbox import Event, Mailbox
from fedh2l.live.trust.terms import Terms

CHECK = 60.0  # seconds from one question whether somebody else has my name to the next


class Presence:
    """Every process of a member holds a token, `NAME/alive/INSTANCE`; instances sort by the time at
    which they began.
    """

    def __init__(self, mail: Mailbox, terms: Terms, me: str, instance: str) -> None:
        self.mail, self.me, self.instance = mail, me, instance
        self.twin = False  # somebody else had this name before
        self._instances: dict[str, set[str]] = {m.name: set() for m in terms.members}
        self._check_at, self._suspected, self._seen = (
            time.monotonic() + 2 * LEASE / 1000,
            False,
            dict[str, set[str]](),
        )
        mail.session.liveliness().declare_subscriber(
            f"{mail.root}/*/alive/*", mail.putting(self._alive), history=True
        )

    def instances(self, name: str) -> set[str]:
        return set(self._instances.get(name, ()))

    def _alive(self, key: str, _: bytes, here: bool) -> None:
        name, instance = key.split("/alive/", 1)
        if (
            name not in self._instances
            or len(instance) > 64
            or (here and len(self._instances[name]) > 8)
        ):
            return
        before = bool(self._instances[name])
        (self._instances[name].add if here else self._instances[name].discard)(instance)
        if name != self.me and before != bool(self._instances[name]):
            self.mail.tell(
                Event(
                    "joined" if here else "left",
                    name,
                    "connected" if here else "not connected any more",
                )
            )

    def seen_by_others(self) -> bool:
        """Whether another process had my name before me, say at least half of those who are asked
        now. Not from the mailbox's thread.
        """
        seen: dict[str, set[str]] = {}
        question = f"{self.mail.root}/*/who/{self.me}"
        for reply in self.mail.session.get(
            question, timeout=LEASE / 1000, target=zenoh.QueryTarget.ALL
        ):
            if reply.ok:
                seen[
                    str(reply.ok.key_expr).removeprefix(f"{self.mail.root}/").partition("/")[0]
                ] = _words(reply.ok.payload.to_bytes())
        return self._half(seen, lambda i: i < self.instance)

    def check(self) -> None:
        """The same question, asked from time to time while the run goes on; believed when it is
        answered so twice.
        """
        if time.monotonic() > self._check_at:
            self._check_at, self._seen = time.monotonic() + CHECK, {}
            self.mail.ask(f"*/who/{self.me}", self._who)

    def _who(self, key: str, data: bytes, ok: bool) -> None:
        if ok:
            self._seen[key.partition("/")[0]] = _words(data)
            return
        earlier = self._half(self._seen, lambda i: i < self.instance)
        self.twin = earlier and self._suspected
        self._suspected = earlier
        if earlier:
            self._check_at = time.monotonic() + 2 * LEASE / 1000
        if self._half(self._seen, lambda i: i > self.instance):
            reason = (
                "another process was started under this name; it is refused, unless it has "
                "your keys for other ends"
            )
            self.mail.tell(Event("duplicate", self.me, reason))

    def _half(self, seen: Mapping[str, set[str]], which: Callable[[str], bool]) -> bool:
        witnesses = sum(any(map(which, instances)) for instances in seen.values())
        return 0 < len(seen) <= 2 * witnesses


def _words(data: bytes) -> set[str]:
    return set(data[:1000].decode("ascii", "replace").split()) - {"-"}
