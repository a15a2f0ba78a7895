"""A new method is a file and a line in the table of methods: that is enough to federate live."""

import shutil
from pathlib import Path

import pytest

import fedh2l
from local_federation import LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
TWO, ROUNDS = ("kiev", "oslo"), 4
LINE = '        "alone": '
TOY = '''
from dataclasses import dataclass

import numpy as np

from fedh2l.bounds import bounded, check_fields
from fedh2l.learner import Lesson
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer


@dataclass(frozen=True)
class Toy:
    """Every peer learns the mean of what the others say.

    Parameters
    ----------
    strength
        Weight of that mean.
    steps
        Local steps per round.
    """

    strength: float = bounded(2.0, least=0)
    steps: int = bounded(5, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        return Posteriors(t, peer.posteriors(peer.seed_set.x).astype(np.float32))

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        answers = [m.probs for m in inbox.values() if isinstance(m, Posteriors)]
        lesson = None
        if answers:
            lesson = Lesson(peer.seed_set.x, np.mean(answers, axis=0), weight=self.strength)
        return peer.learner.learn(lesson, self.steps)
'''


def add_toy(folder: Path) -> None:
    """A copy of the package with the method's file and its line, which processes started in this
    folder import.
    """
    package = folder / "fedh2l"
    shutil.copytree(Path(fedh2l.__file__).parent, package)
    (package / "algorithms" / "toy.py").write_text(TOY)
    table = package / "algorithms" / "__init__.py"
    line = f'        "toy": "fedh2l.algorithms.toy:Toy",\n{LINE}'
    table.write_text(table.read_text().replace(LINE, line))


def test_a_new_method_federates_live_by_its_name(federation: LocalFederation) -> None:
    federation.separate = True
    add_toy(federation.folder)
    text = federation.command("invite", "new", "--algorithm", "toy", "--help")
    assert "--strength" in text and "Weight of that mean" in text and "--temperature" not in text
    convene(federation, TWO, rounds=ROUNDS, more="--algorithm toy --strength 4")
    assert "toy: strength 4.0, steps 5" in federation.command("invite", "show", "invite.json")
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
