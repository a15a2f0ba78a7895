"""A guard against hostile posteriors: a method that hears only those who have earned it.

Own work; the neighbours are FLTrust (arXiv:2012.13995), which trusts by agreement with an update of
one's own, and EigenTrust (WWW 2003), whose trust spreads from peers that are trusted beforehand.
How well it holds, and against what it does not: docs/threat-model.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fedh2l.algorithms.agreement import REASONS, Excess, Probs, judge
from fedh2l.loop import Algorithm
from fedh2l.message import Inbox, Message, Posteriors
from fedh2l.peer import Peer

PATIENCE = 5  # bad rounds, more than good ones, after which a sender is dropped
STRIKES, EVENTS, BEFORE = "guard.strikes.", "guard.events.", "guard.before."
EXCESS = "guard.excess."


class Verdict(NamedTuple):
    """A sender was dropped, or is heard again, from round `round` on."""

    sender: str
    round: int
    dropped: bool
    why: str


@dataclass(frozen=True)
class Guarded:
    """The method, for a peer that believes nobody before it has a reason to.

    In each round every sender is judged (`agreement.judge`). Who is not believed is heard as if it
    said what this peer says itself, and is left out once that has happened often; it may come back.
    As long as nobody is believed the peer learns alone. Seed labels take the place of the peer's
    own posteriors in judging, where there are any.

    Parameters
    ----------
    method
        What is done with those that are believed.
    """

    method: Algorithm

    def speak(self, peer: Peer, t: int) -> Message | None:
        return self.method.speak(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        voices = _voices(inbox)
        # A method that says something else than posteriors is not guarded.
        if not voices or not isinstance(peer.said, Posteriors):
            return self.method.listen(peer, t, inbox)
        own = peer.said.probs
        excess = _excess(peer, voices)
        reasons = judge(_yardstick(peer, t, own), voices, _before(peer, own), excess)
        peer.memory |= {EXCESS + name: more for name, more in excess.items()}
        for name, probs in (voices | {peer.name: own}).items():
            peer.memory[BEFORE + name] = probs
        dropped = {name for name in voices if _strike(peer, t, name, reasons[name])}

        # With nobody to believe, its own voice alone would only slow it down.
        if all(reasons.values()):
            return self.method.listen(peer, t, {})
        left = {name: probs for name, probs in voices.items() if name not in dropped}
        return self.method.listen(peer, t, _heard(t, own, left, reasons))


def _heard(
    t: int, own: Probs, voices: dict[str, Probs], reasons: dict[str, int]
) -> dict[str, Message]:
    """What the method hears. Until it is dropped, a doubtful voice keeps its place in the pool and
    says what this peer says: its rows are not taught by those who do not know them.
    """
    return {n: Posteriors(t, own if reasons[n] else probs) for n, probs in voices.items()}


def _excess(peer: Peer, voices: dict[str, Probs]) -> dict[str, Excess]:
    """The weight on wrong classes that is remembered, of this peer ("") and of the senders."""
    return {n: peer.memory[EXCESS + n] for n in ("", *voices) if EXCESS + n in peer.memory}


def _voices(inbox: Inbox) -> dict[str, Probs]:
    return {name: m.probs for name, m in sorted(inbox.items()) if isinstance(m, Posteriors)}


def verdicts(peer: Peer, since: int = 0) -> list[Verdict]:
    """Whom this peer's guard has dropped, or heard again, from round `since` on; oldest first."""
    found: list[Verdict] = []
    for key, events in peer.memory.items():
        if key.startswith(EVENTS):
            for t, reason in events.tolist():
                why = REASONS.get(reason, "agrees again")
                found.append(Verdict(key.removeprefix(EVENTS), t, bool(reason), why))
    return sorted((v for v in found if v.round >= since), key=lambda v: (v.round, v.sender))


def _strike(peer: Peer, t: int, name: str, reason: int) -> bool:
    """Count a good or a bad round of a sender; whether it is dropped now."""
    before = int(peer.memory.get(STRIKES + name, np.array(0)))
    strikes = min(before + 1, 2 * PATIENCE) if reason else max(before - 1, 0)
    peer.memory[STRIKES + name] = np.array(strikes)
    was_dropped, is_dropped = before > PATIENCE, strikes > PATIENCE
    if was_dropped != is_dropped:
        event = np.array([[t, reason]], np.int64)
        earlier = peer.memory.get(EVENTS + name, event[:0])
        peer.memory[EVENTS + name] = np.concatenate([earlier, event])
    return is_dropped


def _yardstick(peer: Peer, t: int, own: Probs) -> Probs:
    """This peer's own posteriors, or the label where a row has one."""
    labels = peer.seed_set.soft_labels(peer.seed_set.view_index(t))
    if labels is None or labels.shape != own.shape:  # a batch of the set is judged without labels
        return own
    is_labelled = np.asarray(labels.any(1))
    return np.where(is_labelled[:, None], labels, own)


def _before(peer: Peer, own: Probs) -> Mapping[str, Probs]:
    """What each said in the round before, where that was about as many rows."""
    return {
        key.removeprefix(BEFORE): probs
        for key, probs in peer.memory.items()
        if key.startswith(BEFORE) and probs.shape == own.shape
    }
