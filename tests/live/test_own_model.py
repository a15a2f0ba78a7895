"""A member's own model that hangs, or raises: what its owner is told, and how the others go on, by
the documented commands.
"""

import re
import time
from pathlib import Path

import pytest

from fedh2l.live.own_fault import fault_of
from local_federation import MEMBERS, MODEL, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
TWO, ENDLESS, DEADLINE = MEMBERS[:2], 100_000, 4.0
FILE = """
import ctypes, time
from pathlib import Path
from live_member import logistic, rows

TROUBLE = Path("{folder}") / "trouble"

def trouble():
    kind = TROUBLE.read_text() if TROUBLE.exists() else ""
    if kind == "hangs":
        while True:
            time.sleep(0.1)
    if kind == "holds":
        ctypes.PyDLL(None).sleep(100)  # no other thread runs meanwhile
    if kind == "raises":
        raise ValueError("the sensor is gone")

def mine(seeds):
    learner = logistic(*rows(3))
    learn = learner.learn
    learner.learn = lambda *words: (trouble(), learn(*words))[1]
    if TROUBLE.exists() and TROUBLE.read_text() == "is not built":
        raise KeyError("no rows")
    return learner
"""


def joining(federation: LocalFederation, name: str, *more: str) -> list[str]:
    file = federation.folder / "mine.py"
    file.write_text(FILE.format(folder=federation.folder))
    words = federation.joining(name, model="mine")
    return [w.replace(str(MODEL), str(file)) for w in words] + list(more)


def begun(federation: LocalFederation, *more: str) -> None:
    """Both run, lyon with a model of its own that has no trouble yet."""
    convene(federation, TWO, rounds=ENDLESS, deadline=DEADLINE)
    federation.join("kiev", model="oslo")
    federation.start("lyon", *joining(federation, "lyon", *more))
    federation.until("lyon", 2)


def log_of(federation: LocalFederation, name: str) -> str:
    return (federation.folder / name / "log.txt").read_text()


def until_it_says(federation: LocalFederation, name: str, words: str) -> str:
    end = time.monotonic() + 60
    while not (found := re.search(words, log_of(federation, name))):
        assert time.monotonic() < end, log_of(federation, name)
        time.sleep(0.05)
    return found[0]


@pytest.fixture(autouse=True)
def models_find_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(MODEL).parent))


def test_a_model_that_hangs_is_told_of_and_ended_at_its_limit(federation: LocalFederation) -> None:
    begun(federation, "--model-timeout", "6")
    trouble = federation.folder / "trouble"
    trouble.write_text("hangs")
    told = until_it_says(
        federation,
        "lyon",
        r"your model has been working for 2 s in round \d+ \(learn, at .*mine.py, line 12\); "
        "the others wait for 4 s at most",
    )
    assert told in federation.command("status", "lyon", "--check", code=1)
    assert federation.running["lyon"].wait(30) == 4
    assert "ended: your model has been working for 6 s" in log_of(federation, "lyon")
    assert "longer than 6 s" in federation.said("lyon") and told in federation.said("lyon")
    until_it_says(federation, "kiev", "gone lyon: has left")
    lines = federation.rounds("kiev")
    assert max(x["seconds"] for x in lines) < DEADLINE + 2.0, "kiev waited for its deadline only"

    trouble.unlink()
    rounds = len(federation.rounds("lyon"))
    federation.start("lyon", *joining(federation, "lyon"))
    federation.until("lyon", rounds + 2)
    until_it_says(federation, "kiev", "back lyon")


@pytest.mark.slow
def test_a_model_that_lets_no_other_thread_run_is_ended_too(federation: LocalFederation) -> None:
    begun(federation, "--model-timeout", "3")
    (federation.folder / "trouble").write_text("holds")
    assert federation.running["lyon"].wait(40) == 1
    log = log_of(federation, "lyon")
    assert "Timeout" in log and "mine.py" in log


def test_a_model_that_raises_is_one_line_with_file_and_line(federation: LocalFederation) -> None:
    begun(federation)
    trouble = federation.folder / "trouble"
    trouble.write_text("raises")
    assert federation.running["lyon"].wait(30) == 2
    reason = r"your model failed: ValueError: the sensor is gone \(.*mine.py, line 16\)"
    assert re.search(f"fedh2l: {reason}; the traceback is in lyon/log.txt", federation.said("lyon"))
    assert "Traceback" not in federation.said("lyon")
    log = log_of(federation, "lyon")
    assert "Traceback (most recent call last)" in log
    assert re.search(rf"failed after \d+ rounds: {reason}\n$", log)
    assert "the sensor is gone" in federation.command("status", "lyon")

    trouble.write_text("is not built")
    refusal = federation.command(*joining(federation, "lyon"), code=2)
    assert refusal.count("\n") == 1 and "KeyError: 'no rows'" in refusal
    trouble.unlink()
    rounds = len(federation.rounds("lyon"))
    federation.start("lyon", *joining(federation, "lyon"))
    federation.until("lyon", rounds + 2)


def test_a_fault_of_this_program_is_not_called_the_users(tmp_path: Path) -> None:
    from fedh2l.error import choose

    with pytest.raises(ValueError, match="unknown kind") as refused:
        choose("kind", "x", ["y"])
    assert fault_of(refused.value) is None
