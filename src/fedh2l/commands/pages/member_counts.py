"""What a member's journal adds up to: whom it heard and missed, bytes, how far apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Fate = Literal["heard", "missing", "refused"]


@dataclass
class Sender:
    """What became of one member's posts here, over all rounds.

    `fates`: by round, counted from 0; of a round in which nothing was expected there is none.
    """

    fates: dict[int, Fate] = field(default_factory=dict[int, Fate])
    reasons: dict[str, int] = field(default_factory=dict[str, int])  # of refusals: first round
    apart: dict[int, float] = field(default_factory=dict[int, float])  # total variation, by round
    wire_sent: int = 0  # bytes to this member, with all that the exchange adds
    wire_received: int = 0

    def count(self, fate: Fate) -> int:
        return sum(f == fate for f in self.fates.values())

    @property
    def last_heard(self) -> int | None:
        return max((t for t, fate in self.fates.items() if fate == "heard"), default=None)


def senders_of(lines: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Sender]:
    """Every other member, by name: those of the terms, and those that were there before."""
    senders: defaultdict[str, Sender] = defaultdict(Sender, {name: Sender() for name in names})
    for line in lines:
        t = line["round"]
        for name in line["heard"]:
            senders[name].fates[t] = "heard"
        for name in line["missing"]:
            senders[name].fates[t] = "missing"
        # The bytes of a refused post were heard, too.
        for name, reason in line["refused"].items():
            senders[name].fates[t] = "refused"
            senders[name].reasons.setdefault(reason, t)
        for name, apart in line["apart"].items():
            senders[name].apart[t] = apart
    _add_up_bytes(lines, senders)
    return dict(senders)


def _add_up_bytes(lines: Sequence[dict[str, Any]], senders: Mapping[str, Sender]) -> None:
    """Sum up counters that begin at nothing whenever the member was started anew."""
    before: dict[str, tuple[int, int]] = {}
    for line in lines:
        for name, (sent, received) in line["wire"].items():
            earlier = before.get(name, (0, 0))
            if sent < earlier[0] or received < earlier[1]:
                earlier = (0, 0)
            if name in senders:
                senders[name].wire_sent += sent - earlier[0]
                senders[name].wire_received += received - earlier[1]
            before[name] = (sent, received)


def runs_of(fates: dict[int, Fate], fate: Fate) -> list[tuple[float, float]]:
    """The rounds with this fate as spans (begin, length), neighbours joined."""
    spans: list[tuple[float, float]] = []
    for t in sorted(t for t, f in fates.items() if f == fate):
        begin, length = spans[-1] if spans else (0.0, 0.0)
        if spans and begin + length == t - 0.5:
            spans[-1] = (begin, length + 1)
        else:
            spans.append((t - 0.5, 1.0))
    return spans
