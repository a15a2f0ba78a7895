"""Any method of the table that says posteriors can be agreed on, within the bounds of its fields;
others are refused with the reason.
"""

from dataclasses import asdict

import pytest

pytest.importorskip("cryptography")
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.live.trust.method import method_of, name_of
from fedh2l.live.trust.rules import TermsError


def test_a_method_is_made_from_its_name_and_its_own_fields() -> None:
    method = FedH2L(steps=3, conflict="both", warmup=2)
    assert method_of(name_of(method), asdict(method)) == method
    assert method_of("fedh2l", {}) == FedH2L()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fedavg", "sends weights, and live members send posteriors only"),
        ("fedprox", "sends weights"),
        ("feddf", "sends weights"),
        ("fml", "sends weights"),
        ("fedproto", "sends prototypes, and live members send posteriors only"),
        ("alone", "says nothing"),
        ("seed-only", "says nothing"),
        ("pooled", "says nothing"),
        ("fedmd2", "unknown algorithm"),
    ],
)
def test_a_method_that_cannot_federate_live_is_refused_with_the_reason(
    name: str, reason: str
) -> None:
    with pytest.raises(TermsError, match=reason):
        method_of(name, {})


@pytest.mark.parametrize(
    "parameters",
    [
        {"evil": 1},
        {"steps": "10"},
        {"steps": 0},
        {"steps": True},
        {"weight": -1.0},
        {"weight": float("inf")},
        {"temperature": 0},
        {"own": "yes"},
        {"conflict": "all"},
        {"teachers": None},
    ],
)
def test_a_parameter_outside_its_fields_bounds_is_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(TermsError, match=next(iter(parameters))):
        method_of("fedh2l", parameters)
