"""The wait of a member for the others' posts of a round."""

import time
from collections.abc import Sequence

from fedh2l.live.network.barrier import Barrier
from fedh2l.live.network.links import Links
from fedh2l.live.notices import Notices
from fedh2l.live.posts.register import Register
from fedh2l.live.trust.terms import Terms


def wait_until_closed(links: Links, terms: Terms, t: int, notices: Notices) -> int:
    """Wait until round t closes. Returns how many members have spoken in it."""
    register, changed = links.node.register, links.node.changed
    barrier = Barrier(terms, time.monotonic(), terms.deadline)
    links.puller.wait_for(t)
    while True:
        with changed:
            speakers = sum(register.has_spoken(m.name, t) for m in terms.members)
            gone = gone_members(register, terms.others(links.node.me), t)
            now = time.monotonic()
            closes_at = barrier.closes_at(speakers, now, len(gone))
            if now >= closes_at or links.puller.removed:
                break
            if gone and len(terms.members) - len(gone) < terms.quorum:
                notices.hold("waiting", _paused(terms, t, gone))
            changed.wait(min(closes_at, barrier.announce_at) - now)

        # An announcement may be lost: one more makes the others ask.
        if barrier.may_announce(time.monotonic()):
            links.speaker.announce()
    links.puller.wait_for(-1)
    notices.release("waiting")
    return speakers


def gone_members(register: Register, others: Sequence[str], t: int) -> list[str]:
    """The others that do not speak in round t, by their own word. The caller holds the lock."""
    gone_from = {name: register.gone_from(name) for name in others}
    return [
        name
        for name, first in gone_from.items()
        if first is not None and first <= t and not register.has_spoken(name, t)
    ]


def _paused(terms: Terms, t: int, gone: Sequence[str]) -> str:
    """That a round waits in vain, unless somebody comes back."""
    return (
        f"round {t} is paused: {', '.join(gone)} left, and there is no quorum of {terms.quorum} "
        f"without; it goes on once somebody is back, or {terms.deadline:g} s after its start with "
        "those that are here"
    )
