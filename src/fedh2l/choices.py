"""Things of one kind by name: the tables of methods, data sets, models, codecs, views and graphs.

To add a thing is a file of its own and a line in the table of its folder. A table's names cost no
import; the thing is imported when it is looked up, so nobody loads a framework that is not used.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

from fedh2l.error import FedH2LError, choose

T = TypeVar("T")


class Choices(Mapping[str, T]):
    """`places`: the name of each thing, and where it is: "package.module:attribute".

    Looking up a name that is not in the table raises `FedH2LError` with the near miss.
    """

    def __init__(self, kind: str, places: Mapping[str, str]) -> None:
        self.kind = kind
        self.places = dict(places)

    def __getitem__(self, name: str) -> T:
        module, _, attribute = self.places[choose(self.kind, name, self.places)].partition(":")
        thing: Any = getattr(import_module(module), attribute)
        return thing

    def name_of(self, thing: Any) -> str:
        """The name of a class or function that the table holds.

        Raises FedH2LError where it is not in the table.
        """
        place = f"{thing.__module__}:{thing.__qualname__}"
        for name, known in self.places.items():
            if known == place:
                return name
        raise FedH2LError(
            f"{place} has no name among the {self.kind}s; give it a line in its table"
        )

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)
