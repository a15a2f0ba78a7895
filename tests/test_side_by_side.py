"""The comparison with other packages (benchmarks/rivals): what it counts, counted."""

import os
import sys
from pathlib import Path

import pytest

from compare import lines_of
from processes import run

# Works for a second in a process of its own, which holds 64 MB, and says that a round is over.
PARENT = """
import subprocess, sys
child = "import time; held = bytearray(64 << 20); end = time.process_time() + 0.6\\n"
child += "while time.process_time() < end: pass\\nprint(flush=True); time.sleep(0.4)"
process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
process.stdout.readline()
print("round 1", flush=True)
print("round 2", flush=True)
process.wait()
"""


def test_time_and_memory_of_children_count(tmp_path: Path) -> None:
    spent = run([sys.executable, "-c", PARENT], dict(os.environ), tmp_path)
    assert len(spent.rounds) == 2
    assert 0.5 < spent.rounds[0] < 3
    assert 0 <= spent.rounds[1] - spent.rounds[0] < 0.3
    assert 64 < spent.memory < 200


def test_a_contestant_that_fails_is_not_measured(tmp_path: Path) -> None:
    for code in ("raise SystemExit(3)", "pass"):
        with pytest.raises(SystemExit, match="after 0 rounds"):
            run([sys.executable, "-c", code], dict(os.environ), tmp_path)


def test_lines_are_those_of_code(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text('"""Said\n\nat length."""\n\n# a comment\nx = [\n    1,\n]\n')
    assert lines_of(script) == 3
    own = lines_of(script)
    script.write_text(script.read_text() + "from steps import distil\n")
    assert lines_of(script) > own + 20  # those of steps.py are the user's, too
