"""A member's own privacy budget: told to it alone, and continued in every federation it joins."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_health import SEEDS, convened, free_port, joined

from conftest import blobs, torch_learner
from fedh2l.commands.status import status
from fedh2l.error import FedH2LError
from fedh2l.learner import Accounted, Learner
from fedh2l.learners.privacy import Privacy
from fedh2l.live.budget import LEDGER, within_budget
from fedh2l.live.health import health_of
from fedh2l.live.member_folder import MemberFolder, read_journal
from fedh2l.live.trust.identity import open_identity
from fedh2l.live.trust.terms import open_invite
from fedh2l.record.ledger import Ledger

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.live.join import join


def within(folder: Path, ledger: Path, **settings: Any) -> Learner:
    """A learner of the member in this folder, within its budget."""
    if not (folder / "invite.json").exists():
        convened(folder, f"127.0.0.1:{free_port()}")
    terms = open_invite(folder / "invite.json")
    return within_budget(torch_learner(), Privacy(**settings), ledger, terms)


def test_a_member_is_told_what_it_has_spent_and_pays_on_in_the_next_federation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, ledger = tmp_path / "one", tmp_path / "keys" / LEDGER
    joined(one, learner=within(one, ledger, epsilon=8.0, sampling=0.2))
    lines = read_journal(one / "run")
    spent = [line["privacy"]["epsilon"] for line in lines]
    assert 0 < spent[0] < spent[1] <= 8
    assert sum(s.steps for s in Ledger(ledger).spendings) == 2
    log = (one / "run" / "log.txt").read_text()
    assert "privacy: ε spent 0.00 of 8 at δ = 0.0003" in log
    assert f"ε spent {spent[1]:.2f} of 8" in log

    health = health_of(one / "run")
    assert health.answer["privacy budget"] == f"ε spent {spent[1]:.2f} of 8"
    assert health.numbers["epsilon_spent"] == spent[1]
    status(one / "run")
    assert f"ε spent {spent[1]:.2f} of 8" in capsys.readouterr().out

    # All is spent: in another federation the same ledger allows nothing more.
    other = tmp_path / "other"
    joined(other, learner=within(other, ledger, epsilon=8.0, sampling=0.2))
    last = read_journal(other / "run")[-1]["privacy"]
    assert (last["epsilon"], last["steps"], last["refused"]) == (spent[1], 2, 2)
    assert "used up, so it learns from the seed set alone" in (other / "run/log.txt").read_text()
    warning = "the privacy budget is used up: it learns from the seed set alone"
    assert warning in health_of(other / "run").warnings


def test_validation_rows_choose_no_round(tmp_path: Path) -> None:
    learner = within(tmp_path, tmp_path / LEDGER, epsilon=8.0, sampling=0.2)
    keys = open_identity(tmp_path / "keys")
    with MemberFolder(tmp_path / "run") as place:
        list(join(tmp_path / "invite.json", keys, SEEDS, learner, place, blobs(30)))
    assert read_journal(tmp_path / "run")[-1]["accuracy"] is not None  # told to its owner
    assert not (tmp_path / "run" / "kept").exists()


def test_a_promise_is_not_broken_by_leaving_the_budget_out(tmp_path: Path) -> None:
    ledger = tmp_path / LEDGER
    learner = within(tmp_path, ledger, epsilon=8.0)
    assert isinstance(learner, Accounted)
    learner.learn(None, 1)
    with pytest.raises(FedH2LError, match="without --epsilon it would be broken"):
        within(tmp_path, ledger)
    assert not isinstance(within(tmp_path, tmp_path / "other.jsonl"), Accounted)


def test_a_method_that_reads_private_rows_is_refused_before_the_first_round(
    tmp_path: Path,
) -> None:
    convened(tmp_path, f"127.0.0.1:{free_port()}")
    terms = replace(open_invite(tmp_path / "invite.json"), algorithm="fd", parameters={})
    with pytest.raises(FedH2LError, match="what fd says depends on the private rows themselves"):
        within_budget(torch_learner(), Privacy(epsilon=8.0), tmp_path / LEDGER, terms)
