"""Inboxes that are read at once: those of peers that all hear all others, and are in step."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from fedh2l.message import Message
from fedh2l.others import Others, Shared
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import Reading
from fedh2l.wire.readings import Readings, form_of
from fedh2l.wire.state import Reference, WireState

FEW = 3  # with fewer peers here, nothing is gained
MOST_BOOKS = 8  # of peers that have read the same so far


class Together(NamedTuple):
    """What all peers have read that hear all others and held the same earlier frames."""

    heard: Shared[Message]
    references: Shared[Reference]
    sizes: Shared[int]
    missing: tuple[str, ...]
    asking: dict[str, Reading]  # of authors that ask somebody for a key frame


class Groups:
    """The peers hosted here in one round, whose ends of the wire are `states`."""

    def __init__(self, readings: Readings, states: Sequence[WireState]) -> None:
        self._readings, self._states = readings, states
        self._books: list[Shared[Reference]] = []
        self._groups: dict[Hashable, Together | None] = {}

    def read(
        self,
        own_message: Message,
        frames_by_sender: Mapping[str, Sequence[bytes]],
        state: WireState,
    ) -> Together | None:
        """What this peer reads like all others; None where it must read by itself."""
        if not isinstance(frames_by_sender, Others) or state.unreadable:
            return None
        book = self._book(state)
        if len(self._states) < FEW or book is None:
            return None
        everyone, form = frames_by_sender.everyone, form_of(own_message)
        key = (id(everyone), id(book), form)
        if key not in self._groups:
            self._groups[key] = self._read_all(own_message, everyone, form, book)
        return self._groups[key]

    def _book(self, state: WireState) -> Shared[Reference] | None:
        """What all peers hold that have read the same as this one so far, each with its own frame
        besides; None: this peer is alone with what it has read.
        """
        held = state.last_read
        if isinstance(held, Others):
            book = held.everyone
            if not any(book is known for known in self._books):
                self._books.append(book)  # which keeps its identity its own
            return book
        # After a start, a resumption or a fault: perhaps this peer is in step again.
        for book in self._books:
            if _is_in_step(held, book, state.me):
                return book
        if len(self._books) >= MOST_BOOKS:
            return None

        # The first of a group does not hold its own frame; another one does.
        own = [s.last_read[state.me] for s in self._states if state.me in s.last_read]
        self._books.append(Shared(dict(held) | ({state.me: own[0]} if own else {})))
        return self._books[-1]

    def _read_all(
        self,
        own_message: Message,
        everyone: Mapping[str, Sequence[bytes]],
        form: Hashable,
        book: Mapping[str, Reference],
    ) -> Together | None:
        """Everybody's frames, one of each; None where one of them is refused or belated."""
        readings: dict[str, Reading] = {}
        present = {author: frames for author, frames in sorted(everyone.items()) if frames}
        for author, frames in present.items():
            held = book.get(author)
            reading = self._readings.of(frames[0], own_message, form, author, held)
            # What is not as usual, each peer sees to by itself.
            if len(frames) > 1 or isinstance(reading, WireError):
                return None
            if reading.message.round != own_message.round:
                return None
            readings[author] = reading

        missing = tuple(sorted(set(everyone) - set(present)))
        return _joined(
            readings, {a: len(frames[0]) for a, frames in present.items()}, missing, book
        )


def _joined(
    readings: Mapping[str, Reading],
    sizes: Mapping[str, int],
    missing: tuple[str, ...],
    book: Mapping[str, Reference],
) -> Together:
    new = {author: r.reference for author, r in readings.items() if r.reference is not None}
    return Together(
        heard=Shared({author: r.message for author, r in readings.items()}),
        references=Shared(dict(book) | new),
        sizes=Shared(sizes),
        missing=missing,
        asking={author: r for author, r in readings.items() if r.unreadable},
    )


def _is_in_step(held: Mapping[str, Reference], book: Mapping[str, Reference], me: str) -> bool:
    """Whether a peer holds what the book has, but for its own frame."""
    size = len(book) - (me in book)
    return len(held) == size and all(book.get(author) is r for author, r in held.items())
