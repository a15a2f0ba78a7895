"""What was appended counts once it was committed, and nothing that was committed is lost unseen."""

import re
from pathlib import Path

import pytest

from conftest import torch_peers
from fedh2l.error import FedH2LError
from fedh2l.message import Posteriors
from fedh2l.record.audit import audit, chain_of
from fedh2l.record.journal import Journal, committed_lines
from fedh2l.record.lock import is_locked, lock_folder
from fedh2l.record.sent import Sent
from fedh2l.wire import CODECS
from fedh2l.wire.frame import encode
from fedh2l.wire.header import Session
from fedh2l.wire.state import WireState

ABOUT = {"codec": "float32", "seed_set": "digest"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal of two committed rounds, and of a third one that was not."""
    journal, peers = Journal(tmp_path), torch_peers("ab")
    assert journal.open() is None
    for t in range(3):
        journal.append({"round": t}, [frame_of(t, "a"), frame_of(t, "b")], ABOUT)
        if t < 2:
            journal.save_peers(t + 1, peers)
            journal.commit(t + 1, {"note": t})
    return tmp_path


def frame_of(t: int, author: str) -> Sent:
    peer = torch_peers(author)[0]
    probs = peer.posteriors(peer.seed_set.x)
    session = Session(CODECS["float32"], "digest")
    frame = encode(Posteriors(t, probs), session, WireState(author))
    return Sent(t, author, ("c",), frame, Posteriors.kind, probs.shape)


def test_what_was_not_committed_is_cut_off(folder: Path) -> None:
    assert [line["round"] for line in committed_lines(folder)] == [0, 1]
    assert [e["round"] for e in audit(folder)] == [0, 0, 1, 1]
    journal = Journal(folder)
    entries = journal.open()
    assert entries is not None
    assert (entries["rounds"], entries["note"]) == (2, 1)
    assert len((folder / "rounds.jsonl").read_text().splitlines()) == 2
    assert len((folder / "sent.jsonl").read_text().splitlines()) == 4


def test_a_journal_that_goes_on_is_the_same_as_one_that_was_never_cut(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    straight = Journal(tmp_path_factory.mktemp("straight"))
    straight.open()
    again = Journal(folder)
    again.open()
    for journal, first in ((straight, 0), (again, 2)):
        for t in range(first, 3):
            journal.append({"round": t}, [frame_of(t, "a"), frame_of(t, "b")], ABOUT)
        journal.commit(3, {})
    assert chain_of(folder) == chain_of(straight.folder)
    assert len(audit(folder)) == 6


@pytest.mark.parametrize("name", ["rounds.jsonl", "sent.jsonl", "sent.bin"])
@pytest.mark.parametrize("length", [None, 0, 5])
def test_a_file_that_was_lost_or_shortened_is_not_lengthened(
    folder: Path, name: str, length: int | None
) -> None:
    if length is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:length])
    with pytest.raises(FedH2LError, match=rf"{name}: {length or 0} bytes are there, but the last"):
        Journal(folder).open()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"rounds": 2}', '{"rounds": 2, "sizes": {}, "chain": ""}', "\xff"]
)
def test_a_damaged_commit_is_refused_by_name(folder: Path, text: str) -> None:
    (folder / "checkpoints/latest.json").write_text(text, encoding="latin-1")
    with pytest.raises(FedH2LError, match=r"latest\.json: "):
        Journal(folder).open()


def test_a_damaged_line_is_named(folder: Path) -> None:
    data = (folder / "rounds.jsonl").read_bytes()
    (folder / "rounds.jsonl").write_bytes(b"{" + b"x" * 13 + data[14:])
    with pytest.raises(FedH2LError, match=r"rounds\.jsonl: line 1 is damaged"):
        committed_lines(folder)


def test_an_index_that_was_changed_is_found_out(folder: Path) -> None:
    text = (folder / "sent.jsonl").read_text()
    lines = text.splitlines(keepends=True)
    for changed in (
        "".join(lines[:3]),
        "".join(lines[1:]),
        "".join(lines[:1] + lines[2:]),
        "",
        text.replace('"author": "a"', '"author": "b"', 1),
        re.sub(r'"receivers": \["c"\]', '"receivers": []', text),
        text.replace('"round": 1', '"round": 0'),
        "".join([lines[1], lines[0], *lines[2:]]),
    ):
        (folder / "sent.jsonl").write_text(changed)
        with pytest.raises(FedH2LError, match="not the index that was written"):
            audit(folder)
    (folder / "sent.jsonl").unlink()
    with pytest.raises(FedH2LError, match="not the index that was written"):
        audit(folder)


def test_an_audit_of_a_peer_that_is_none_is_refused(folder: Path) -> None:
    assert {e["author"] for e in audit(folder, "a")} == {"a"}
    assert audit(folder, "c") == []  # it heard, and said nothing
    with pytest.raises(FedH2LError, match="unknown peer 'aa': did you mean 'a'"):
        audit(folder, "aa")


def test_one_process_at_a_time_is_in_a_folder(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    lock = lock_folder(tmp_path, "busy")
    assert is_locked(tmp_path)
    with pytest.raises(FedH2LError, match="busy"):
        lock_folder(tmp_path, "busy")
    lock.close()
    lock_folder(tmp_path, "busy").close()
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize("name", ["rounds.jsonl", "sent.jsonl"])
def test_a_file_that_an_editor_has_marked_is_refused_and_not_cut(folder: Path, name: str) -> None:
    data = b"\xef\xbb\xbf" + (folder / name).read_bytes()
    (folder / name).write_bytes(data)
    with pytest.raises(FedH2LError, match=rf"{name}: begins with a byte-order mark"):
        Journal(folder).open()
    assert (folder / name).read_bytes() == data
    if name == "rounds.jsonl":
        with pytest.raises(FedH2LError, match="byte-order mark"):
            committed_lines(folder)


def test_a_file_with_a_line_more_is_refused_and_not_cut_within_a_line(folder: Path) -> None:
    data = b'{"round": -1}\n' + (folder / "rounds.jsonl").read_bytes()
    (folder / "rounds.jsonl").write_bytes(data)
    with pytest.raises(FedH2LError, match=r"rounds\.jsonl: no line ends after the"):
        Journal(folder).open()
    assert (folder / "rounds.jsonl").read_bytes() == data
