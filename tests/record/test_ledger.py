"""A ledger says at least what was spent, whatever happens to the process that writes it."""

import os
from pathlib import Path

import pytest

from fedh2l.error import FedH2LError
from fedh2l.record.ledger import Ledger, Spending, merged

TEN = Spending(noise=1.5, sampling=0.1, steps=10)


def test_what_was_appended_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rome.jsonl"
    ledger = Ledger(path)
    ledger.append(TEN, {"rows": 60})
    ledger.append(TEN._replace(noise=2.0), {"rows": 60})
    again = Ledger(path)
    assert again.spendings == ledger.spendings == [TEN, TEN._replace(noise=2.0)]
    assert path.stat().st_mode & 0o077 == 0  # nobody else's

    again.append(TEN, {})
    assert merged(Ledger(path).spendings) == (TEN._replace(steps=20), TEN._replace(noise=2.0))


def test_a_line_is_on_disk_before_its_steps_may_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", watched)
    path = tmp_path / "rome.jsonl"
    Ledger(path).append(TEN, {})
    assert path.stat().st_size in synced
    assert len(synced) == 2  # the file, and its name in the folder


def test_a_line_cut_short_by_a_kill_allowed_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rome.jsonl"
    Ledger(path).append(TEN, {})
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        ledger = Ledger(path)
        assert ledger.spendings == [TEN]
        ledger.append(TEN, {})
        assert Ledger(path).spendings == [TEN, TEN]


def test_a_damaged_line_is_refused_since_it_may_have_spent(tmp_path: Path) -> None:
    path = tmp_path / "rome.jsonl"
    Ledger(path).append(TEN, {})
    for damage in (b"{}\n", b"nothing\n", b'{"noise": "x", "sampling": 1, "steps": 1}\n', b"\n"):
        path.write_bytes(path.read_bytes()[: len(path.read_bytes())] + damage)
        with pytest.raises(FedH2LError, match="line 2 is damaged"):
            Ledger(path)
        path.write_bytes(path.read_bytes()[: -len(damage)])


def test_two_processes_cannot_spend_the_same_budget(tmp_path: Path) -> None:
    path = tmp_path / "rome.jsonl"
    one, other = Ledger(path), Ledger(path)
    one.append(TEN, {})
    with pytest.raises(FedH2LError, match="another process spends from this ledger"):
        other.append(TEN, {})
    assert Ledger(path).spendings == [TEN]


def test_without_a_file_it_is_kept_in_memory() -> None:
    ledger = Ledger()
    ledger.append(TEN, {})
    assert ledger.spendings == [TEN]
