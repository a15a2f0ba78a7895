"""Whom to ask next for the posts of an author that are not here: a function of what this member
knows, without a socket or a clock.

Times are seconds on one clock that never goes back.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

# Seconds to the next question, at first; half where the author announced a post that is not here.
ASK_AGAIN = 1.0
SLOWEST = 8.0  # seconds to which this pause grows where nothing newer is announced
# Seconds without an announcement after which an author that announced before is asked all the same.
QUIET = 3.0
LOST = 3.0  # seconds after which a question may have been lost, and one more is asked beside it
MOST_OPEN = 4  # questions about one author that may be open at once
NEVER = -math.inf


@dataclass(frozen=True)
class OpenRound:
    """The round that waits for posts; −1: no round does."""

    number: int = -1
    opened_at: float = NEVER


@dataclass
class AuthorProgress:
    """What this member knows of one author's posts, and which questions it asked for them."""

    author: str
    announced: int = -1  # the last round that it says to have posted
    announced_at: float = NEVER
    # The time from which a post has been missing, anew after each that arrives; None: none is.
    missing_from: float | None = None
    asked_at: float = NEVER
    last_asked: str = ""
    mirrors_asked: int = 0  # questions to mirrors so far
    open_questions: int = 0  # not answered yet
    gone_from: int | None = None  # the first round in which it does not speak, by its own word
    pause: float = ASK_AGAIN  # seconds to the next question, where nothing newer is announced

    def announce(self, number: int, now: float) -> None:
        """The author says which round its newest post is of: it may be asked for that at once."""
        self.announced, self.announced_at = number, now
        self.asked_at = min(self.asked_at, now - ASK_AGAIN / 2)

    def count_question(self, whom: str, now: float) -> None:
        """Note that this member was asked; the next question comes a little later each time."""
        self.open_questions += 1
        self.mirrors_asked += whom != self.author
        self.last_asked, self.asked_at = whom, now
        self.pause = min(self.pause * 1.5, SLOWEST)

    def note_missing(self, last_here: int, open_round: OpenRound, now: float) -> None:
        """Note from when on a post is missing; `last_here`: the author's last round here."""
        if not is_missing(self, last_here, open_round, now):
            self.missing_from = None
        elif self.missing_from is None:
            self.missing_from = now


def is_missing(progress: AuthorProgress, last_here: int, open_round: OpenRound, now: float) -> bool:
    """Whether the author has, or should have, posted something that is not here."""
    if progress.announced > last_here:
        return True
    gone_from = open_round.number + 1 if progress.gone_from is None else progress.gone_from
    if last_here >= min(open_round.number, gone_from - 1):
        return False
    # An author that has spoken before announces by itself; a stranger is asked at once.
    if progress.announced_at == NEVER:
        return True
    return now >= max(progress.announced_at, open_round.opened_at) + QUIET


def whom_to_ask(
    progress: AuthorProgress, last_here: int, present: Collection[str], now: float
) -> str | None:
    """The member to ask for the author's posts after round `last_here`: the author, or a member
    that mirrors its posts; None: nobody, now.

    `present`: the members that are connected, without oneself. Presence is only a hint: an author
    that nobody sees may answer, and one that is seen may be frozen.
    """
    if progress.missing_from is None:
        return None
    pause = ASK_AGAIN / 2 if progress.announced > last_here else progress.pause
    if now < progress.asked_at + pause:
        return None
    # A frozen member never answers: the longer the post is missing the more are asked beside it.
    seconds_missing = now - progress.missing_from
    if progress.open_questions >= min(2 + int(seconds_missing / LOST), MOST_OPEN):
        return None

    # The author has the first word; a mirror is asked sooner where the author is gone.
    mirrors = sorted(set(present) - {progress.author})
    connected = progress.author in present
    if mirrors and seconds_missing > (LOST if connected else ASK_AGAIN):
        return _in_turn(progress, mirrors, connected)
    if progress.open_questions and seconds_missing < LOST:
        return None
    return progress.author


def _in_turn(progress: AuthorProgress, mirrors: Sequence[str], connected: bool) -> str:
    """The mirrors one after another; every other time the author, where it answers."""
    mirror = mirrors[progress.mirrors_asked % len(mirrors)]
    if not connected or progress.open_questions:
        return mirror
    return mirror if progress.last_asked == progress.author else progress.author
