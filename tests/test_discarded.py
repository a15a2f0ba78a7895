"""A call of `run` whose rounds nobody takes is refused: alone it would do nothing, in silence."""

import inspect
import subprocess
import sys

import pytest

from fedh2l.discarded import is_discarded

BEGIN = """
import numpy as np
from fedh2l import FedH2L, Peer, SeedSet, run
from fedh2l.learners.sklearn import SklearnLearner
from sklearn.linear_model import LogisticRegression
x = np.random.default_rng(0).random((20, 4), np.float32); y = np.arange(20) % 2
seeds = SeedSet(x, ("no", "yes"), y)
peers = [Peer(n, SklearnLearner(LogisticRegression(), (x, y), 2), seeds) for n in "ab"]
"""


def told() -> bool:
    return is_discarded(inspect.currentframe())


def test_a_statement_drops_what_it_calls_and_nothing_else_does() -> None:
    seen: list[bool] = []

    def call() -> bool:
        seen.append(is_discarded(inspect.currentframe()))
        return True

    call()
    kept = call()
    [call() for _ in range(1)]
    assert call() and [call()] == [kept]
    for _ in [call()]:
        pass
    if call():
        call()
    (lambda: call())()
    assert seen == [True, False, False, False, False, False, False, True, False]
    assert not told()
    assert not is_discarded(None)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("run(FedH2L(), peers, rounds=2)", "by itself does nothing"),
        ("def f():\n    run(FedH2L(), peers, rounds=2)\nf()", "for r in run(...)"),
        # What else is wrong is said first.
        ("run(FedH2L, peers, rounds=2)", "is a class"),
        ("r = run(FedH2L(), peers, rounds=2); del r", "has done nothing"),
        ("for r in run(FedH2L(), peers, rounds=2): pass\nprint(r.t)", ""),
        ("print(len(list(run(FedH2L(), peers, rounds=2))))", ""),
    ],
)
def test_run_says_that_its_rounds_are_not_asked_for(statement: str, says: str) -> None:
    # A process of its own: in tests every call goes through a wrapper that checks shapes.
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + statement], capture_output=True, text=True, check=False
    )
    assert says in done.stderr if says else not done.stderr, done.stderr
    assert (done.returncode == 0) == (not says or "del r" in statement)
    assert bool(done.stdout) == (not says)
