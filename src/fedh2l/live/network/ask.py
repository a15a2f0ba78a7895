"""Whom to ask next for the posts of an author that are not here: decided by what is known, without
a socket or a clock.

Times are seconds on one clock that never goes back.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

# Seconds to the next question, at first; half where the author announced a post that is not here.
ASK_AGAIN = 1.0
SLOWEST = 8.0  # seconds to which that grows where nothing newer is announced
# Seconds without an announcement after which an author that announced before is asked all the same.
QUIET = 3.0
LOST = 3.0  # seconds after which a question may have been lost, and one more is asked beside it
MOST_OPEN = 4  # questions about one author that may be open at once
NEVER = -math.inf


@dataclass(frozen=True)
class OpenRound:
    """The round that waits for posts; −1: none does."""

    number: int = -1
    since: float = NEVER


@dataclass
class AuthorProgress:
    """What is known of the posts of one author, and what was asked for them."""

    author: str
    announced: int = -1  # the last round that it says to have posted
    announced_at: float = NEVER
    behind_since: float | None = (
        None  # since when a post is missing, anew after each; None: none is
    )
    asked_at: float = NEVER
    last_asked: str = ""
    mirrors_asked: int = 0  # questions to mirrors so far
    open_questions: int = 0  # not answered yet
    pause: float = ASK_AGAIN  # seconds to the next question, where nothing newer is announced

    def announce(self, number: int, now: float) -> None:
        """The author says which round its newest post is of: it may be asked for that at once."""
        self.announced, self.announced_at = number, now
        self.asked_at = min(self.asked_at, now - ASK_AGAIN / 2)

    def count_question(self, whom: str, now: float) -> None:
        self.open_questions += 1
        self.mirrors_asked += whom != self.author
        self.last_asked, self.asked_at = whom, now
        self.pause = min(self.pause * 1.5, SLOWEST)

    def look(self, held: int, wanted: OpenRound, now: float) -> None:
        """Note since when a post is missing here; `held`: the author's last round that is here."""
        if not is_missing(self, held, wanted, now):
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = now


def is_missing(progress: AuthorProgress, held: int, wanted: OpenRound, now: float) -> bool:
    """Whether the author has, or should have, posted something that is not here."""
    if progress.announced > held:
        return True
    if held >= wanted.number:
        return False
    # An author that has spoken before announces by itself; a stranger is asked at once.
    if progress.announced_at == NEVER:
        return True
    return now >= max(progress.announced_at, wanted.since) + QUIET


def whom_to_ask(
    progress: AuthorProgress, held: int, present: Collection[str], now: float
) -> str | None:
    """The member to ask for what the author said after round `held`: the author, or one that
    mirrors its posts; None: nobody, now.

    `present`: the members that are connected, without oneself. Presence is only a hint: an author
    that nobody sees may answer, and one that is seen may be frozen.
    """
    if progress.behind_since is None:
        return None
    pause = ASK_AGAIN / 2 if progress.announced > held else progress.pause
    if now < progress.asked_at + pause:
        return None
    # Somebody frozen never answers, so the longer the post is missing the more are asked beside it.
    behind = now - progress.behind_since
    if progress.open_questions >= min(2 + int(behind / LOST), MOST_OPEN):
        return None

    # The author has the first word; a mirror is asked sooner where the author is gone.
    mirrors = sorted(set(present) - {progress.author})
    connected = progress.author in present
    if mirrors and behind > (LOST if connected else ASK_AGAIN):
        return _in_turn(progress, mirrors, connected)
    if progress.open_questions and behind < LOST:
        return None
    return progress.author


def _in_turn(progress: AuthorProgress, mirrors: Sequence[str], connected: bool) -> str:
    """The mirrors one after another; an author that answers, with nothing new, every other time."""
    mirror = mirrors[progress.mirrors_asked % len(mirrors)]
    if not connected or progress.open_questions:
        return mirror
    return mirror if progress.last_asked == progress.author else progress.author
