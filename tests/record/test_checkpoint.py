import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.ensemble import RandomForestClassifier

from conftest import blobs, seed_set, torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.loop import run
from fedh2l.peer import Peer
from fedh2l.record.atomic import write_file
from fedh2l.record.checkpoint import commit, latest, load_peers, save_peers


def test_peers_come_back_to_the_last_bit(tmp_path: Path) -> None:
    peers, again = torch_peers(), torch_peers()
    for r in run(FedH2L(steps=1), peers, rounds=2):
        save_peers(tmp_path, r.t + 1, peers)
        commit(tmp_path, r.t + 1, {"note": r.t})
    assert latest(tmp_path) == {"rounds": 2, "note": 1}
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["000002"]  # the older one is gone
    load_peers(tmp_path, 2, again)
    x = blobs(20)[0]
    for a, b in zip(peers, again, strict=True):
        np.testing.assert_array_equal(a.learner.posteriors(x), b.learner.posteriors(x))
        assert a.memory.keys() == b.memory.keys()


def test_a_frame_that_many_have_read_is_saved_once(tmp_path: Path) -> None:
    names = "abcdefghij"
    peers, again = torch_peers(names), torch_peers(names)
    for _ in run(FedH2L(steps=1), peers, rounds=3):
        pass
    save_peers(tmp_path, 3, peers)
    frames = load_file(tmp_path / "000003" / "a.read.safetensors")
    assert sum(key.endswith(":at") for key in frames) == len(names)
    each = [load_file(tmp_path / "000003" / f"{name}.safetensors") for name in names]
    assert all(state["wire.read"].nbytes == 4 * (len(names) - 1) for state in each)

    load_peers(tmp_path, 3, again)
    for a, b in zip(peers, again, strict=True):
        assert {k: v.tobytes() for k, v in a.state_dict().items()} == {
            k: v.tobytes() for k, v in b.state_dict().items()
        }
    # Frames that are the same one are so again: each is decoded once.
    assert again[0].wire.last_read["c"] is again[1].wire.last_read["c"]


def test_a_taught_forest_comes_back_too(tmp_path: Path) -> None:
    peers, again = (
        [Peer(n, SklearnLearner(RandomForestClassifier(5), blobs(60), 3), seed_set()) for n in "ab"]
        for _ in range(2)
    )
    for _ in run(FedH2L(), peers, rounds=1):
        pass
    save_peers(tmp_path, 1, peers)
    load_peers(tmp_path, 1, again)
    x = blobs(20)[0]
    np.testing.assert_array_equal(peers[0].learner.posteriors(x), again[0].learner.posteriors(x))


def test_what_was_not_committed_does_not_count(tmp_path: Path) -> None:
    assert latest(tmp_path) is None
    peers = torch_peers()
    save_peers(tmp_path, 1, peers)
    commit(tmp_path, 1, {})
    save_peers(tmp_path, 2, peers)  # and then the power goes
    entries = latest(tmp_path)
    assert entries is not None
    assert entries["rounds"] == 1
    load_peers(tmp_path, 1, torch_peers())


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_truncated_checkpoint_is_refused_by_name(tmp_path: Path, keep: int) -> None:
    peers = torch_peers()
    save_peers(tmp_path, 1, peers)
    file = tmp_path / "000001" / "b.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(FedH2LError, match=r"b\.safetensors: missing, truncated or corrupt"):
        load_peers(tmp_path, 1, torch_peers())


def test_a_corrupt_index_is_refused_by_name(tmp_path: Path) -> None:
    for text in ("{", "[]", json.dumps({"rounds": "many"})):
        (tmp_path / "latest.json").write_text(text)
        with pytest.raises(FedH2LError, match="corrupt"):
            latest(tmp_path)


def test_a_checkpoint_of_another_kind_of_peer_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save

    (tmp_path / "000001").mkdir()
    for name in "abc":
        (tmp_path / "000001" / f"{name}.safetensors").write_bytes(save({"x": np.zeros(3)}))
    with pytest.raises(FedH2LError, match="not a checkpoint of this peer"):
        load_peers(tmp_path, 1, torch_peers())


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    write_file(tmp_path / "f", b"old")
    write_file(tmp_path / "f", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"new")]
