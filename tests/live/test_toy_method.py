"""A new method is a file and a line in the table of methods: that is enough to federate live."""

import pytest

from local_federation import LocalFederation, convene
from toy_parts import add_toys

pytest.importorskip("zenoh", reason="needs the extra zenoh")
TWO, ROUNDS = ("kiev", "oslo"), 4


def test_a_new_method_federates_live_by_its_name(federation: LocalFederation) -> None:
    federation.separate = True
    add_toys(federation.folder)  # which processes started in this folder import
    text = federation.command("invite", "new", "--algorithm", "toy", "--help")
    assert "--weight" in text and "Weight of that mean" in text and "--temperature" not in text
    convene(federation, TWO, rounds=ROUNDS, more="--algorithm toy --weight 4")
    assert "toy: weight 4.0, steps 5" in federation.command("invite", "show", "invite.json")
    for name in TWO:
        federation.join(name)
    federation.wait()
    for name, other in zip(TWO, reversed(TWO), strict=True):
        lines = federation.rounds(name)
        assert [list(line["heard"]) for line in lines] == [[other]] * ROUNDS


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--algorithm fedavg", "sends weights, and live members send posteriors only"),
        ("--algorithm alone", "says nothing to other members"),
        ("--algorithm fedh", "did you mean 'fedh2l'?"),
        ("--strength 4", "--strength"),
    ],
)
def test_what_cannot_be_agreed_on_is_refused_before_a_key_is_made(
    federation: LocalFederation, words: str, reason: str
) -> None:
    new = ("invite", "new", "invite.json", "--name", "kiev", "--seed-set", "seeds")
    assert reason in federation.command(*new, *words.split(), code=2)
    assert not list(federation.folder.iterdir())
