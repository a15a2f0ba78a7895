"""When a round closes: a function of the number of members that have spoken, without a socket or a
clock.
"""

from dataclasses import dataclass, field

from fedh2l.live.trust.terms import Terms

# Seconds from the first announcement to the second while a round is open; then twice as long each
# time. Each announcement goes to all, so among more members than FEW it is made more seldom.
ANNOUNCE, FEW = 1.0, 20


@dataclass
class Barrier:
    """One round, open since `start`, in seconds; it closes `deadline` seconds later at the latest.

    With the posts of all members it closes at once, with those of a quorum after the terms' grace.
    """

    terms: Terms
    start: float
    deadline: float
    quorum_at: float | None = None  # when the quorum had spoken
    pause: float = field(init=False)
    announce_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.pause = ANNOUNCE * max(1.0, len(self.terms.members) / FEW)
        self.announce_at = self.start + self.pause

    def closes_at(self, speakers: int, now: float, gone: int = 0) -> float:
        """The time at which the round closes if nobody else speaks; `speakers`: how many members
        have spoken; `gone`: how many have said that they will not.
        """
        everybody = len(self.terms.members)
        has_quorum = speakers >= self.terms.quorum
        # Those that are gone are waited for only where there is no quorum without them.
        if speakers == everybody or (has_quorum and speakers + gone == everybody):
            return now
        if self.quorum_at is None and has_quorum:
            self.quorum_at = now

        latest = self.start + self.deadline
        if self.quorum_at is None:
            return latest
        return min(self.quorum_at + self.terms.grace, latest)

    def may_announce(self, now: float) -> bool:
        """Whether it is time to announce again; if so, the pause after it is twice as long."""
        if now < self.announce_at:
            return False
        self.pause *= 2
        self.announce_at = now + self.pause
        return True
