"""The round that is kept is the latest within one standard error of the best."""

from math import sqrt
from pathlib import Path

import numpy as np

from conftest import blobs, torch_peers
from fedh2l.learner import Lesson
from fedh2l.live.kept import save_kept_model
from fedh2l.record.kept import KEPT, is_within_one_error, keep_round, load_kept


def test_the_rule_asked_after_each_round_is_the_rule_over_all_rounds() -> None:
    rng, rows = np.random.default_rng(0), 60
    for _ in range(200):
        accuracies = (rng.integers(20, 61, 12) / rows).tolist()
        asked = [
            t
            for t in range(12)
            if is_within_one_error(accuracies[t], max(accuracies[: t + 1]), rows)
        ]
        best = max(accuracies)
        least = best - sqrt(best * (1 - best) / rows)
        assert asked[-1] == max(t for t in range(12) if accuracies[t] >= least)


def test_a_round_that_is_worse_is_not_kept_and_the_peer_goes_on_from_its_own(
    tmp_path: Path,
) -> None:
    peer = torch_peers("a")[0]
    seeds = peer.seed_set
    kept_posteriors = None
    for rounds, accuracy in enumerate((None, 0.6, 0.9, 0.88, 0.5), start=1):
        assert seeds.labels is not None
        peer.learner.learn(Lesson(seeds.x, labels=np.eye(3, dtype=np.float32)[seeds.labels]), 2)
        keep_round(tmp_path / KEPT, peer, rounds, accuracy, blobs(60))
        if rounds == 4:
            kept_posteriors = peer.posteriors(seeds.x)
    last = peer.posteriors(seeds.x)

    assert save_kept_model(tmp_path, peer).name == "model.safetensors"
    np.testing.assert_array_equal(peer.posteriors(seeds.x), last)
    assert load_kept(tmp_path / KEPT, peer) == 4
    np.testing.assert_array_equal(peer.posteriors(seeds.x), kept_posteriors)


def test_without_validation_the_last_round_is_saved(tmp_path: Path) -> None:
    peer = torch_peers("a")[0]
    keep_round(tmp_path / KEPT, peer, 1, None, None)
    assert load_kept(tmp_path / KEPT, peer) is None
    assert save_kept_model(tmp_path, peer).is_file()
