"""`fedh2l audit --privacy` on the command line: a guarantee that is broken is found out."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fedh2l.cli import main
from fedh2l.commands.audit_privacy import sentences

LIAR = """
import torch
from fedh2l.learner import Spent
from fedh2l.learners.torch import TorchLearner

class Private(TorchLearner):
    def spent(self):
        return Spent(epsilon=0.1, budget=0.1, delta=1e-5, steps=240, refused=0)

def model(seed_set, rows=None, training=None):
    torch.manual_seed(training.seed)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 256), torch.nn.ReLU(),
                              torch.nn.Linear(256, 10))
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    return Private(net, adam, rows, batch=training.batch, seed=training.seed)
"""
RUN = ["--peers", "mlp", "--domains", "3", "--rounds", "6", "--steps", "40", "--no-views"]


def test_a_ledger_that_states_less_than_is_found_out_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model learns by heart, without any noise, and says that it keeps to ε = 0.1."""
    (tmp_path / "liar.py").write_text(LIAR)
    out, model = str(tmp_path / "r"), f"rot00={tmp_path / 'liar.py'}:model"
    common = ["--seed-share", "0.8", "--no-baselines", "--workers", "1"]
    with pytest.raises(SystemExit):
        main(["run", *RUN, *common, "--peers", model, "--out", out])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["audit", out, "--privacy", "--worlds", "6", "--canaries", "34"])
    told, progress = capsys.readouterr()
    assert end.value.code == 1 and "world 6/6" in progress
    assert "BROKEN: ε ≥" in told and "ε = 0.10 is stated" in told
    result = json.loads(next(Path(out).glob("audit/rot00/*.json")).read_text())
    assert result["stated"] == {"epsilon": 0.1, "delta": 1e-5, "is_broken": True}

    kept = result | {"stated": {"epsilon": 50.0, "delta": 1e-5, "is_broken": False}}
    assert "ε = 50.00 is stated: this attack does not contradict it" in sentences(kept)[-1]
    assert "none is stated" in sentences(result | {"stated": None})[-1]


def test_an_audit_that_is_stopped_goes_on(tmp_path: Path) -> None:
    """Ctrl-C in the middle: what is there stays, and the same command ends with the rest."""
    quick = ["--peers", "mlp", "--domains", "2", "--rounds", "2", "--no-baselines"]
    out = str(tmp_path / "r")
    with pytest.raises(SystemExit):
        main(["run", *quick, "--workers", "1", "--out", out])
    command = [sys.executable, "-m", "fedh2l", "audit", out, "--privacy", "--worlds", "40"]
    # Where a shell started the tests in the background, its children are deaf to Ctrl-C.
    with_ctrl_c = ["env", "--default-signal=INT", *command]
    process = subprocess.Popen(with_ctrl_c, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("world 2/40"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "the same command goes on" in process.communicate(timeout=60)[1]
    assert process.returncode == 130

    worlds = len(list(Path(out).glob("audit/rot00/rows-*/*.safetensors")))
    assert 2 <= worlds < 40
    again = subprocess.run([*command[:-1], "6"], capture_output=True, text=True, check=True)
    assert again.stderr.count("was there") == min(worlds, 6) and "6 worlds in" in again.stdout


def test_a_run_within_a_budget_is_held_against_its_ledgers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opacus", reason="needs the extra privacy")
    monkeypatch.setattr("fedh2l.simulation.leak.surrogate.STEPS", 20)
    out, quick = str(tmp_path / "r"), ["--domains", "2", "--rounds", "2", "--steps", "2"]
    for words in (
        ["run", "--peers", "mlp", *quick, "--epsilon", "1", "--no-baselines", "--out", out],
        ["audit", out, "--privacy", "--worlds", "6"],
        ["audit", out, "--sheet"],
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
    told = " ".join(capsys.readouterr().out.split())  # a narrow terminal wraps it
    assert "is stated: this attack does not contradict it" in told
    stated = json.loads((tmp_path / "r" / "audit" / "rot00" / "rows.json").read_text())["stated"]
    assert 0.9 < stated["epsilon"] <= 1 and not stated["is_broken"]
    page = (tmp_path / "r" / "sheet.html").read_text()
    assert "Differential privacy was on at rot75" in page and "of 1 were spent" in page
