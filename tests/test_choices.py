"""Tables of things by name, and the bounds of their fields."""

import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from fedh2l.bounds import bounded, check_fields
from fedh2l.choices import Choices
from fedh2l.error import FedH2LError


def test_a_thing_is_imported_when_it_is_looked_up_and_not_before() -> None:
    table = Choices[Any]("calendar", {"moon": "this_is_no_module:moon", "sun": "calendar:SUNDAY"})
    assert list(table) == ["moon", "sun"]
    assert "moon" in table
    assert "sunn" not in table
    assert table["sun"] == sys.modules["calendar"].SUNDAY
    with pytest.raises(ModuleNotFoundError):
        table["moon"]
    with pytest.raises(FedH2LError, match="unknown calendar 'sunn': did you mean 'sun'"):
        table["sunn"]


@dataclass(frozen=True)
class Settings:
    weight: float = bounded(3.0, least=0)
    steps: int = bounded(10, least=1)
    rule: Literal["none", "both"] = "none"
    own: bool = True
    share: float | None = bounded(None, above=0, most=1)

    def __post_init__(self) -> None:
        check_fields(self)


def test_what_is_within_its_bounds_is_taken() -> None:
    made = Settings(weight=0, steps=np.int64(1), share=1.0)  # pyright: ignore[reportArgumentType]
    assert made.steps == 1
    assert Settings(weight=np.float32(0.5)).weight == 0.5  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"weight": -1.0}, "weight is -1.0; it must be 0 or more"),
        ({"weight": float("nan")}, "weight is nan, expected a finite number"),
        ({"weight": float("inf")}, "weight is inf, expected a finite number"),
        ({"weight": "3"}, "weight is '3', expected a finite number"),
        ({"weight": True}, "weight is True, expected a finite number"),
        ({"steps": 2.5}, "steps is 2.5, expected a whole number"),
        ({"steps": 0}, r"steps is 0; it must be 1 or more \(the default is 10\)"),
        ({"steps": 10**9}, "steps is 1000000000; it must be 1e"),
        ({"rule": "bth"}, "unknown rule 'bth': did you mean 'both'"),
        ({"rule": 3}, "unknown rule '3'"),
        ({"own": "no"}, "own is 'no', expected bool"),
        ({"share": 0.0}, "share is 0.0; it must be above 0"),
        ({"share": 1.5}, "share is 1.5; it must be 1 or less"),
    ],
)
def test_what_is_not_is_refused_by_the_name_of_its_field(given: dict[str, Any], says: str) -> None:
    with pytest.raises(FedH2LError, match=says):
        Settings(**given)
