"""Whom a member asks for what it misses, in worlds without sockets and clocks: some members are
frozen, some are gone, some have nothing.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedh2l.live.network.ask import (
    ASK_AGAIN,
    LOST,
    MOST_OPEN,
    QUIET,
    SLOWEST,
    AuthorProgress,
    OpenRound,
    is_missing,
    whom_to_ask,
)

STEP = 0.25  # seconds between two looks
TIMEOUT = 10.0  # seconds after which a question to somebody frozen ends without an answer
AUTHOR, MIRRORS = "author", ("m1", "m2", "m3", "m4")
MEMBERS = (AUTHOR, *MIRRORS)


@dataclass
class World:
    """One author whose round 0 is wanted from second 0 on."""

    present: frozenset[str] = frozenset(MEMBERS)
    holding: frozenset[str] = frozenset({AUTHOR})
    frozen: frozenset[str] = frozenset()
    announced: bool = True
    progress: AuthorProgress = field(default_factory=lambda: AuthorProgress(AUTHOR))
    questions: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    most_open: int = 0

    def run(self, seconds: float) -> float | None:
        """The second at which the post is here; None: it did not come."""
        if self.announced:
            self.progress.announce(0, 0.0)
        ends: list[tuple[float, str]] = []  # of the open questions
        now = 0.0
        while now < seconds:
            over = [whom for end, whom in ends if end <= now]
            ends = [(end, whom) for end, whom in ends if end > now]
            self.progress.open_questions -= len(over)
            if any(self._answers(whom) for whom in over):
                return now
            self.progress.note_missing(-1, OpenRound(0, 0.0), now)
            whom = whom_to_ask(self.progress, -1, self.present, now)
            if whom is not None:
                self.progress.count_question(whom, now)
                self.questions.append((now, whom))
                ends.append((now + (TIMEOUT if whom in self.frozen else STEP), whom))
            self.most_open = max(self.most_open, self.progress.open_questions)
            now += STEP
        return None

    def _answers(self, whom: str) -> bool:
        is_there = whom in self.present and whom not in self.frozen
        return is_there and whom in self.holding


members = st.sets(st.sampled_from(MEMBERS)).map(frozenset)


@given(members, members, members, st.booleans())
def test_a_post_that_somebody_has_comes_and_few_questions_are_open(
    present: frozenset[str], holding: frozenset[str], frozen: frozenset[str], announced: bool
) -> None:
    world = World(present, holding, frozen, announced)
    seconds = world.run(90.0)
    assert world.most_open <= MOST_OPEN
    # All mirrors have their turn, also where nothing is announced and each question is slow.
    assert (seconds is not None) == bool((present & holding) - frozen)


@given(members, members, st.booleans())
def test_questions_never_stop_and_do_not_come_in_floods(
    present: frozenset[str], frozen: frozenset[str], announced: bool
) -> None:
    world = World(present, frozenset(), frozen, announced)
    world.run(120.0)
    times = [at for at, _ in world.questions]
    pauses = [b - a for a, b in zip(times, [*times[1:], 120.0], strict=True)]
    assert times[0] == 0.0 and max(pauses) <= max(SLOWEST, TIMEOUT) + STEP
    assert min(pauses[:-1]) >= ASK_AGAIN / 2
    # Where nobody knows of a post the questions become seldom.
    assert len(times) <= (240 if announced else 30)
    assert {whom for _, whom in world.questions} >= present - {AUTHOR}


def test_the_author_is_asked_first_and_alone_as_long_as_it_answers() -> None:
    world = World()
    assert world.run(5.0) is not None and world.questions == [(0.0, AUTHOR)]


@pytest.mark.parametrize(("is_gone", "within"), [(True, ASK_AGAIN), (False, LOST)])
def test_a_mirror_is_asked_soon_when_the_author_is_gone_and_later_when_it_is_frozen(
    is_gone: bool, within: float
) -> None:
    frozen = frozenset({AUTHOR})
    present = frozenset(MEMBERS) - frozen if is_gone else frozenset(MEMBERS)
    world = World(present, frozenset(MIRRORS), frozen)
    seconds = world.run(20.0)
    first = next(at for at, whom in world.questions if whom in MIRRORS)
    assert within < first <= within + 2 * ASK_AGAIN
    assert seconds is not None and seconds <= first + 2 * STEP


def test_a_mirror_that_has_nothing_is_passed_over_for_the_next() -> None:
    world = World(frozenset(MIRRORS), frozenset({"m3"}))
    assert world.run(20.0) is not None and world.questions[-1][1] == "m3"
    mirrors = [whom for _, whom in world.questions if whom in MIRRORS]
    assert len(set(mirrors)) == len(mirrors)


def test_nothing_is_asked_where_nothing_is_missing() -> None:
    progress = AuthorProgress(AUTHOR)
    progress.announce(3, 0.0)
    progress.note_missing(3, OpenRound(3, 0.0), 100.0)
    assert whom_to_ask(progress, 3, MEMBERS, 100.0) is None
    assert is_missing(progress, 2, OpenRound(), 100.0)


def test_an_author_that_spoke_before_is_left_in_quiet_and_a_stranger_is_not() -> None:
    earlier_speaker, stranger = AuthorProgress(AUTHOR), AuthorProgress(AUTHOR)
    earlier_speaker.announce(0, 0.0)
    open_round = OpenRound(1, 50.0)
    assert is_missing(stranger, -1, open_round, 50.0)
    assert not is_missing(earlier_speaker, 0, open_round, 50.0 + QUIET - STEP)
    assert is_missing(earlier_speaker, 0, open_round, 50.0 + QUIET)
