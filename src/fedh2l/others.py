"""What all peers of a full graph share, seen by each of them without its own part."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Shared(dict[str, T]):
    """An entry for each peer, held once for all of them, and what was computed of all entries.

    Whoever holds it must not change it.
    """

    def __init__(self, entries: Mapping[str, T]) -> None:
        super().__init__(entries)
        self._computed: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` gives: computed for the first who asks, and kept for the others."""
        if key not in self._computed:
            self._computed[key] = compute()
        return self._computed[key]

    def __reduce__(self) -> tuple[Any, ...]:
        return Shared, (dict(self),)


class Others(Mapping[str, T]):
    """All entries but that of `me`: a view, so that N of them take N entries and not N²."""

    __slots__ = ("everyone", "me")

    def __init__(self, everyone: Shared[T], me: str) -> None:
        self.everyone, self.me = everyone, me

    def __getitem__(self, name: str) -> T:
        if name == self.me:
            raise KeyError(name)
        return self.everyone[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.everyone if name != self.me)

    def __len__(self) -> int:
        return len(self.everyone) - (self.me in self.everyone)

    def __repr__(self) -> str:
        return repr(dict(self))
