"""The teachers' mean. What a teacher adds to it is computed once for all its pupils, and where all
peers hear all others so is the sum: a pupil takes its own part out of it, and puts in what it said
itself, before a codec rounded it.

Sums are of whole numbers (`distill.in_units`), the same in any order: so the mean has the same bits
however many peers are in this process.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from fedh2l.distill import in_units, likeliest, mean_of_units, temper
from fedh2l.message import Inbox, Message, Posteriors
from fedh2l.others import Others
from fedh2l.question import Question
from fedh2l.teachers import TEACHERS, agreement, owner_weights, owners_say, weighs_each_alone

Beliefs = Float[np.ndarray, "rows classes"]
Units = Int[np.ndarray, "rows classes"]


@dataclass(frozen=True)
class Pool:
    """How a teacher counts: FedH2L's fields of the same names."""

    teachers: str
    owner: float
    top: int
    temperature: float
    own: bool

    def answer(self, me: str, said: Posteriors, inbox: Inbox, question: Question) -> Beliefs | None:
        """What all teachers of a peer, which said this itself, say together; None: it has none."""
        if not weighs_each_alone(self.teachers, question.labels, question.owners):
            if question.labels is None and isinstance(inbox, Others):
                return self._of_shared_judged(me, said, inbox, question)
            return self._of_all(me, said, inbox, question)
        if isinstance(inbox, Others):
            units = self._of_shared(inbox, question)
        else:
            parts = [
                self._part(name, message, question)
                for name, message in inbox.items()
                if isinstance(message, Posteriors)
            ]
            units = np.sum(parts, axis=0) if parts else None
        if units is None:
            return None
        if self.own:
            units = units + self._units(me, said.probs, question)
        return mean_of_units(units)

    def _of_shared(self, inbox: Others[Message], question: Question) -> Units | None:
        """The sum of all in the inbox: of all that spoke, without the peer's own part."""
        everyone = inbox.everyone

        def total() -> tuple[int, Units]:
            voices = {n: m for n, m in everyone.items() if isinstance(m, Posteriors)}
            units = np.zeros((len(question.x), 0), np.int64)
            for name, message in voices.items():
                part = self._part(name, message, question)
                units = units + part if units.size else part
            return len(voices), units

        count, units = everyone.once((self, question.number, question.is_batch), total)
        own = everyone.get(inbox.me)
        if isinstance(own, Posteriors):
            count, units = count - 1, units - self._part(inbox.me, own, question)
        return units if count else None

    def _part(self, name: str, message: Posteriors, question: Question) -> Units:
        """What a teacher adds to the sum: computed once for all that hear it."""
        key = (self, name, question.number, question.is_batch)
        if key not in message.derived:
            message.derived[key] = self._units(name, message.probs, question)
        return message.derived[key]

    def _units(self, name: str, probs: Beliefs, question: Question) -> Units:
        weights = self._weights([name], probs[None], question)
        return in_units(self._softened(probs[None]), weights)[0]

    def _of_shared_judged(
        self, me: str, said: Posteriors, inbox: Others[Message], question: Question
    ) -> Beliefs | None:
        """`_of_all` where a row's owner judges the teachers: on rows that the peer has no part in
        the judges are the same for all, and what the others add there is computed once.
        """
        everyone = inbox.everyone

        def judged() -> _Judged:
            voices = {n: m.probs for n, m in everyone.items() if isinstance(m, Posteriors)}
            names = sorted(voices)
            probs = np.stack([voices[name] for name in names])
            parts = in_units(self._softened(probs), self._weights(names, probs, question))
            owned = question.owned(names)
            assert owned is not None  # else each teacher is weighed alone
            return _Judged(names, probs, parts, parts.sum(0), *owners_say(probs, owned))

        if not any(isinstance(m, Posteriors) for m in inbox.values()):
            return None
        all_of_them = everyone.once(("judged", self, question.number, question.is_batch), judged)
        return mean_of_units(self._seen_by(me, said, all_of_them, question))

    def _seen_by(self, me: str, said: Posteriors, judged: "_Judged", question: Question) -> Units:
        """The sum over all teachers, with the peer's own words as it said them."""
        others = [i for i, name in enumerate(judged.names) if name != me]
        units = judged.sum.copy()
        if len(others) < len(judged.names):
            units -= judged.parts[judged.names.index(me)]
        mine = question.owned([me])
        assert mine is not None
        own = said.probs[None]
        if self.own:
            weights = owner_weights(own, None, mine, self.owner)
            weights = weights * agreement(own, judged.said, judged.known)
            units += in_units(self._softened(own), weights)[0]

        # On rows of its own the peer is the judge, and by what it said before a codec rounded it.
        rows = np.flatnonzero(mine[0])
        names = [judged.names[i] for i in others] + [me] * self.own
        probs = judged.probs[np.array(others)[:, None], rows]
        if self.own:
            probs = np.concatenate([probs, own[:, rows]])
        weights = self._weights(names, probs, question.taken(rows))
        units[rows] = in_units(self._softened(probs), weights).sum(0)
        return units

    def _of_all(
        self, me: str, said: Posteriors, inbox: Inbox, question: Question
    ) -> Beliefs | None:
        """The same where a teacher's weight depends on which others there are."""
        voices = {name: m.probs for name, m in inbox.items() if isinstance(m, Posteriors)}
        if not voices:
            return None
        if self.own:
            voices[me] = said.probs
        names = sorted(voices)
        probs = np.stack([voices[name] for name in names])
        weights = self._weights(names, probs, question)
        return mean_of_units(in_units(self._softened(probs), weights).sum(0))

    def _weights(
        self, names: list[str], probs: Float[np.ndarray, "peers rows classes"], question: Question
    ) -> Float[np.ndarray, "peers rows"]:
        owned = question.owned(names)
        return TEACHERS[self.teachers](probs, question.labels, owned, self.owner)

    def _softened(
        self, probs: Float[np.ndarray, "peers rows classes"]
    ) -> Float[np.ndarray, "peers rows classes"]:
        return temper(likeliest(probs, self.top), self.temperature)


@dataclass(frozen=True, eq=False)
class _Judged:
    """What all peers of a full graph said, as it was sent, and what its owners make of it."""

    names: list[str]
    probs: Float[np.ndarray, "peers rows classes"]
    parts: Int[np.ndarray, "peers rows classes"]
    sum: Units
    said: Beliefs  # by each row's owner
    known: Bool[np.ndarray, " rows"]  # whether it said something
