"""What `fedh2l doctor --model model.py:model` looks at, and whether the model learns your rows."""

from pathlib import Path

from fedh2l.learners.contract.examine import examine
from fedh2l.learners.contract.stand_in import seed_set_like
from fedh2l.learners.own_file import own_learner
from fedh2l.metrics import accuracy

MODEL = f"{Path(__file__).with_name('model.py')}:model"
SEEDS = seed_set_like(MODEL)  # or that of your federation: load_seed_set(Path("seeds.safetensors"))


def test_the_model_is_a_good_learner() -> None:
    findings = list(examine(lambda: own_learner(MODEL, SEEDS)[0], SEEDS))
    assert [finding for finding in findings if not finding.ok] == []


def test_the_model_learns_its_own_rows() -> None:
    learner, validation = own_learner(MODEL, SEEDS)
    assert validation is not None
    for _ in range(10):
        learner.learn(None, 10)
    x, y = validation
    assert accuracy(learner.posteriors(x), y) > 0.6  # three classes: guessing gives a third
