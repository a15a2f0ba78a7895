"""The documents keep their word: every Python block runs and prints what stands below it, every
link leads somewhere, every named piece of code is there.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fedh2l.algorithms import ALGORITHMS
from fedh2l.commands.flags import flags_of
from fedh2l.simulation.experiment import Experiment
from flags import page

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)  # at the end of a block
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
DEMO = re.compile(r"<!-- demo:start -->\n```text\n(.*?)```", re.DOTALL)
FIGURE = re.compile(r"[+-]?\d+(\.\d+)?( [kM]?B\b)?")
FINGERPRINT = re.compile(r"[0-9a-f]{4}( [0-9a-f]{4}){3}")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if BLOCK.search(p.read_text())], ids=name)
def test_every_python_block_runs_and_prints_what_stands_below_it(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All but the figures, which other versions of a framework may change.

    A block that prints has its output below it, and one that prints nothing has none.
    """
    text = path.read_text()
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "document"}
    for block in BLOCK.finditer(text):
        # So that a failure names the document's own line.
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(path), "exec"), names)

        output = OUTPUT.match(text, block.end())
        shown = output[1] if output else ""
        assert wording(capsys.readouterr().out) == wording(shown), f"{name(path)}:{line + 1}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for _, target in LINK.findall(path.read_text()):
        place = target.partition("#")[0]
        if place and "://" not in place:
            assert (path.parent / place).exists(), f"{name(path)}: {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_named_piece_of_code_is_in_the_file_it_links_to(path: Path) -> None:
    for label, target in LINK.findall(path.read_text()):
        if target.endswith(".py") and re.fullmatch(r"`[\w.]+`", label):
            assert label.strip("`") in _names((path.parent / target).read_text()), (
                f"{name(path)}: {label} in {target}"
            )


def test_the_readme_federates_an_own_model_in_15_lines() -> None:
    blocks = [block.splitlines() for block in BLOCK.findall((ROOT / "README.md").read_text())]
    assert max(sum(bool(line.strip()) for line in block) for block in blocks) <= 15


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    """All but the figures, which two rounds cannot reach."""
    make = re.search(r"fedh2l (run --data digits .*)", (ROOT / "Makefile").read_text())
    assert make is not None
    command = [sys.executable, "-m", "fedh2l", *make[1].split(), "--rounds", "2", "--workers", "1"]
    printed = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    shown = DEMO.search((ROOT / "README.md").read_text())
    assert shown is not None
    outcome = printed[printed.index("test accuracy") :]
    assert wording(outcome) == wording(shown[1]), "put what `make demo` prints into README.md"


def wording(text: str) -> list[str]:
    """Line by line without figures, widths and rules."""
    plain = FIGURE.sub("#", FINGERPRINT.sub("#", re.sub(r"[━─]+", "─", text)))
    return [" ".join(line.split()) for line in plain.splitlines()]


def test_the_design_names_every_module_and_no_other() -> None:
    """Each stands in the row of its room."""
    source = ROOT / "src" / "fedh2l"
    rows = [
        line.split("|")
        for line in (ROOT / "docs" / "design.md").read_text().splitlines()
        if line.startswith(("| `", "| the root", "| above all"))
    ]
    named: set[str] = set()
    for _, room, _, modules, *_ in rows:
        folder = room.strip(" `") if "/" in room else ""
        named |= {folder + module for module in re.findall(r"`(\w+\.py)`", modules)}
    files = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    assert named == {file for file in files if not file.endswith("__init__.py")}


def test_the_tables_of_flags_are_those_of_the_classes() -> None:
    text = (ROOT / "docs" / "runs.md").read_text()
    assert page(text) == text, "run: python tools/flags.py"
    for kind in (Experiment, *(ALGORITHMS[name] for name in ALGORITHMS)):
        assert all(
            words for _, _, words in flags_of(kind, ("views", "network", "honesty", "privacy"))
        ), kind


def _names(source: str) -> set[str]:
    """Functions and classes, and methods as Class.method."""
    found: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{method.name}"
                for method in node.body
                if isinstance(method, ast.FunctionDef)
            }
    return found
