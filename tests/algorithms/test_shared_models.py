"""The methods that send models, each against a round worked out by hand."""

import numpy as np
import pytest

from by_hand import RATE, Federation, gradient, softmax
from conftest import torch_peers
from fedh2l.algorithms.feddf import FedDF
from fedh2l.algorithms.fml import FML
from fedh2l.error import FedH2LError
from fedh2l.loop import run
from fedh2l.simulation.settings import compose


def test_feddf_averages_and_distils_the_mean_of_the_logits_into_the_average() -> None:
    f = Federation()
    for _ in f.run(FedDF(steps=2)):
        pass
    for name in "abc":
        f.step(name, f.private(name))
    logits = np.mean([f.x @ f.w[n] for n in "abc"], 0)
    average = np.mean([f.w[n] for n in "abc"], 0)  # all have as many rows
    for name in "abc":
        f.w[name] = average
        f.step(name, (f.x, softmax(logits), 1.0))
    f.check()


def test_feddf_puts_its_own_model_back_after_it_has_asked_the_others() -> None:
    peers = torch_peers()
    for _ in run(FedDF(steps=2), peers, rounds=2):
        pass
    said = [p.posteriors(p.seed_set.x) for p in peers]
    assert np.abs(said[0] - said[1]).max() < 0.2  # near one another, after half a round apart
    assert np.abs(said[0] - said[1]).max() > 0


@pytest.mark.parametrize("labelled", [False, True])
def test_fml_teaches_own_model_and_meme_mutually_and_averages_the_memes(labelled: bool) -> None:
    f = Federation(labelled=labelled)
    method = FML(steps=1, weight=2.0, meme_weight=3.0)
    memes: dict[str, np.ndarray] = {name: w.copy() for name, w in f.w.items()}
    for r in f.run(method, rounds=2):
        for name, learner in f.learners.items():
            x = np.concatenate([learner.x, f.x]) if labelled else learner.x
            own, meme = softmax(x @ f.w[name]), softmax(x @ memes[name])
            w, expected = memes[name], f.w[name]
            hard = [f.private(name), (f.x, f.labels, 1.0)][: 2 if labelled else 1]
            parts = [*hard, (x, own, 3.0)]
            memes[name] = w - RATE * np.sum([k * gradient(w, a, b) for a, b, k in parts], 0)
            f.step(name, *hard, (x, meme, 2.0))
            assert not np.allclose(expected, f.w[name])
        average = np.asarray(np.mean(list(memes.values()), 0))
        memes = {name: average.copy() for name in memes}
        assert r.said["a"].kind == "weights"
        f.check()
        for p in f.peers:
            np.testing.assert_allclose(p.memory["meme.w"], average, atol=1e-5)


@pytest.mark.parametrize("method", ["feddf", "fml"])
def test_methods_that_share_models_need_one_architecture(method: str) -> None:
    unlike = compose({"algorithm": method, "peers": ["mlp", "lenet"]})
    with pytest.raises(FedH2LError, match=f"{method} averages weights, so every peer needs"):
        unlike.resolved()
    assert compose({"algorithm": method, "peers": ["mlp"]}).resolved().models == ["mlp"] * 5
