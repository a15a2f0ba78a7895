"""Joining, by a federation of one: what lies in the folder is whole, and every start goes on from
the last finished round.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from conftest import seed_set, torch_learner
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.learners.export.formats import save_model
from fedh2l.learners.own_file import own_learner
from fedh2l.live.member_folder import MemberFolder, is_running, read_journal
from fedh2l.live.trust.accepted import remember
from fedh2l.live.trust.identity import Identity, open_identity
from fedh2l.live.trust.invite import convene
from fedh2l.live.trust.terms import open_invite
from fedh2l.record.audit import audit
from fedh2l.seedset import SeedSet

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.live.join import join
from fedh2l.live.news import News

SEEDS = seed_set()


@dataclass
class Alone:
    """The only member of its federation."""

    folder: Path
    invite: Path
    identity: Identity

    def join(self, place: MemberFolder, seeds: SeedSet = SEEDS) -> Iterator[News]:
        return join(self.invite, self.identity, seeds, torch_learner(), place)


@pytest.fixture
def alone(tmp_path: Path, free_port: int) -> Alone:
    (tmp_path / "invite.json").write_bytes(convened(tmp_path / "keys", free_port))
    return Alone(tmp_path / "run", tmp_path / "invite.json", open_identity(tmp_path / "keys"))


@pytest.fixture
def free_port() -> int:
    from socket import create_server

    with create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def convened(keys: Path, port: int) -> bytes:
    return convene(
        keys,
        "rome",
        f"127.0.0.1:{port}",
        SEEDS,
        FedH2L(steps=2),
        "lattice",
        rounds=4,
        quorum=1,
        grace=0.0,
        deadline=5.0,
    )


def rounds(folder: Path) -> list[int]:
    return [line["round"] for line in read_journal(folder)]


def test_who_leaves_has_a_model_and_may_come_back(alone: Alone) -> None:
    with MemberFolder(alone.folder) as place:
        for news in alone.join(place):
            if news.line is not None and news.line["round"] == 1:
                (alone.folder / "leave").touch()
    assert rounds(alone.folder) == [0, 1] and (alone.folder / "model.safetensors").exists()
    (alone.folder / "leave").unlink()
    with MemberFolder(alone.folder) as place:
        list(alone.join(place))
    assert rounds(alone.folder) == [0, 1, 2, 3]
    with MemberFolder(alone.folder) as place:
        assert [n.text.startswith("all 4 rounds are finished") for n in alone.join(place)] == [True]
    assert [entry["round"] for entry in audit(alone.folder)] == [0, 1, 2, 3]


def test_a_line_written_before_a_kill_comes_again_once(alone: Alone) -> None:
    with MemberFolder(alone.folder) as place:
        for news in alone.join(place):
            if news.line is not None and news.line["round"] == 1:
                break
    with (alone.folder / "rounds.jsonl").open("a") as file:
        file.write(json.dumps({"round": 2}) + '\n{"rou')
    assert rounds(alone.folder) == [0, 1]
    with MemberFolder(alone.folder) as place:
        list(alone.join(place))
    assert rounds(alone.folder) == [0, 1, 2, 3]


def test_a_folder_has_one_process_at_a_time(alone: Alone) -> None:
    with MemberFolder(alone.folder):
        assert is_running(alone.folder)
        with (
            pytest.raises(FedH2LError, match="running in this folder already"),
            MemberFolder(alone.folder),
        ):
            pass
    assert not is_running(alone.folder)


def test_another_seed_set_key_or_federation_is_refused_before_anything_is_written(
    alone: Alone, tmp_path: Path, free_port: int
) -> None:
    with MemberFolder(alone.folder) as place, pytest.raises(FedH2LError, match="ask for the file"):
        list(alone.join(place, seed_set(15)))
    with MemberFolder(alone.folder) as place:
        list(alone.join(place))
        alone.invite.write_bytes(convened(tmp_path / "other", free_port))
        with pytest.raises(FedH2LError, match="never accepted with the keys"):
            list(alone.join(place))
        remember(alone.identity.folder, open_invite(alone.invite))
        with pytest.raises(FedH2LError, match="give another --out"):
            list(alone.join(place))
    with (
        MemberFolder(tmp_path / "new") as place,
        pytest.raises(FedH2LError, match="not the one in version 1"),
    ):
        list(alone.join(place))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def peer(seeds): return 1", "gives a int, not a Learner"),
        ("x = 1", "no function 'peer'"),
        (None, "expected FILE.py:FUNCTION"),
    ],
)
def test_a_file_without_a_learner_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(FedH2LError, match=why):
        own_learner(f"{tmp_path / 'mine.py'}:peer", SEEDS)


def test_a_forest_is_saved_so_that_it_can_be_read_without_trusting_it(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io", reason="needs the extra skops")
    import live_member

    forest: Learner = live_member.lyon(SEEDS)
    path = save_model(forest, SEEDS, tmp_path)
    again = skops.load(path, trusted=skops.get_untrusted_types(file=path))
    assert np.array_equal(
        again.predict_proba(SEEDS.x).astype(np.float32), forest.posteriors(SEEDS.x)
    )


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("invite.json", "invite.json: .*restore it from a copy, or delete it"),
        ("epoch", "epoch: damaged .*write 0 into it"),
        ("checkpoints/latest.json", "latest.json: .*restore it from a copy"),
        ("rounds.jsonl", "rounds.jsonl: .*restore the file from a copy"),
        ("sent.jsonl", "sent.jsonl: .*restore the file from a copy"),
        ("posts/00000001.post", "00000001.post: .*restore it from a copy"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe{", None])
def test_a_damaged_or_lost_file_is_refused_with_its_name_and_what_to_do(
    alone: Alone, name: str, fix: str, content: bytes | None
) -> None:
    with MemberFolder(alone.folder) as place:
        for news in alone.join(place):
            if news.line is not None and news.line["round"] == 1:
                break
    path = alone.folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    elif name in ("invite.json", "epoch", "posts/00000001.post"):
        return  # is made again
    with MemberFolder(alone.folder) as place, pytest.raises(FedH2LError, match=fix):
        list(alone.join(place))
