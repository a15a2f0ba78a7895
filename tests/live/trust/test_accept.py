"""Accepting an invite: a person compares the fingerprint, or nothing is written."""

from contextlib import chdir
from pathlib import Path

import pytest

pytest.importorskip("cryptography")
from conftest import seed_set
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.commands.accept import accept
from fedh2l.data.seedset_file import save_seed_set
from fedh2l.error import FedH2LError
from fedh2l.live.trust.invite import convene
from fedh2l.live.trust.terms import read_terms

SEEDS = seed_set()


@pytest.fixture
def invite(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return convene(
        tmp_path_factory.mktemp("rome"),
        "rome",
        "10.0.0.1:7447",
        SEEDS,
        FedH2L(),
        "lattice",
        rounds=5,
        quorum=2,
        grace=1.0,
        deadline=9.0,
    )


@pytest.mark.parametrize("reply", ["no", "", "nein", EOFError(), KeyboardInterrupt()])
def test_who_does_not_say_yes_to_the_fingerprint_has_accepted_nothing(
    invite: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reply: str | BaseException,
) -> None:
    questions = _asked(monkeypatch, reply)
    (tmp_path / "invite.json").write_bytes(invite)
    save_seed_set(SEEDS, tmp_path / "seeds")
    with chdir(tmp_path), pytest.raises(FedH2LError, match="nothing was written"):
        accept(Path("invite.json"), name="oslo", seed_set=Path("seeds"))
    assert read_terms(invite).fingerprint in questions[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["invite.json", "seeds"]
    _asked(monkeypatch, "Yes ")
    with chdir(tmp_path):
        accept(Path("invite.json"), name="oslo", seed_set=Path("seeds"))
    assert (tmp_path / "oslo.answer.json").exists()


def _asked(monkeypatch: pytest.MonkeyPatch, reply: str | BaseException) -> list[str]:
    """The questions to a person at a terminal that replies so."""
    questions: list[str] = []

    def replied(question: str) -> str:
        questions.append(question)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    monkeypatch.setattr("builtins.input", replied)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    return questions
