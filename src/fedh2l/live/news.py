"""The news of a member about its rounds: a line of its journal, a line of its log, an entry for the
screen.
"""

import datetime
from dataclasses import dataclass
from typing import Any

from fedh2l.algorithms.guarded import verdicts
from fedh2l.learner import Accounted
from fedh2l.live.budget import words_of
from fedh2l.live.health import certificate_warning
from fedh2l.live.member_folder import MemberFolder, memory
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.terms import Terms
from fedh2l.loop import Round
from fedh2l.metrics import accuracy
from fedh2l.peer import Peer
from fedh2l.record.units import size
from fedh2l.rows import Rows


@dataclass(frozen=True)
class News:
    """An entry for the screen: a finished round, or something that a person should know."""

    line: dict[str, Any] | None = None
    text: str = ""
    present: frozenset[str] = frozenset()


def journal_line(
    r: Round, peer: Peer, exchange: ZenohP2P, validation: Rows | None, seconds: float
) -> dict[str, Any]:
    """A finished round as it stands in rounds.jsonl."""
    me = peer.name
    own_accuracy = None
    if validation is not None:
        x, y = validation
        own_accuracy = accuracy(peer.posteriors(x), y)
    return {
        "round": r.t,
        "version": exchange.terms.version,
        "payload_bytes": r.sent.get(me, 0),
        "heard": dict(r.heard.get(me, {})),
        "gone": exchange.gone(),
        "missing": list(r.missing.get(me, ())),
        "refused": dict(r.refused.get(me, {})),
        "apart": {sender: round(apart, 4) for sender, apart in r.apart.get(me, {}).items()},
        "verdicts": [v._asdict() for v in verdicts(peer, since=r.t)],
        "conflict_rate": r.conflict_rate.get(me),
        "accuracy": own_accuracy,
        "privacy": peer.learner.spent()._asdict() if isinstance(peer.learner, Accounted) else None,
        "wire": {name: list(traffic) for name, traffic in exchange.wire_bytes.items()},
        "present": sorted(exchange.present()),
        "memory_bytes": memory(),
        "seconds": round(seconds, 3),
    }


def log_line(line: dict[str, Any]) -> str:
    """A finished round as it stands in log.txt."""
    parts = [f"round {line['round']}: heard {', '.join(line['heard']) or 'nobody'}"]
    if line["missing"]:
        parts.append(f"missing {', '.join(line['missing'])}")
    if line["gone"]:
        parts.append(f"left {', '.join(line['gone'])}")
    for verdict in line["verdicts"]:
        verb = "dropped" if verdict["dropped"] else "heard again"
        parts.append(f"{verb} {verdict['sender']}: it {verdict['why']}")
    parts += [*words_of(line), f"{line['seconds']:.2f} s"]
    if line["memory_bytes"]:
        parts.append(f"{size(line['memory_bytes'])} of memory")
    return "; ".join(parts)


def beginning_lines(me: Member, terms: Terms) -> list[str]:
    """What a person reads before the first round."""
    lines = [how_reached(me, terms), certificate_warning(me)]
    if terms.quorum > len(terms.members):
        lines.append(
            f"warning: a quorum of {terms.quorum} among {len(terms.members)} members: each round "
            "waits for its deadline"
        )
    return [line for line in lines if line]


def certificate_line(exchange: ZenohP2P, folder: MemberFolder) -> list[str]:
    """A line on a certificate that ends soon, once a day."""
    today = datetime.date.today()
    if folder.looked_on == today:
        return []
    folder.looked_on = today
    line = certificate_warning(exchange.terms.member(exchange.me))
    return [line] if line else []


def how_reached(me: Member, terms: Terms) -> str:
    """How others reach this member: what a person reads until somebody is there."""
    if me.address:
        return f"{me.name}: listening at {me.address}"
    relays = " or ".join(r.address for r in terms.relays) or "no address"
    return f"{me.name}: waiting for a relay at {relays}"
