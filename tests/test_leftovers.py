"""The check after every test is itself checked: a suite whose tests leave things fails where they
do, and only there.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import leftovers

pytestmark = pytest.mark.skipif(not leftovers.PROC.exists(), reason="the check reads /proc")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(leftovers.__file__).parent), "COLUMNS": "1000"}
LEAVING = """
import signal, socket, subprocess, sys, tempfile, threading
import leftovers

leftovers.GRACE = 0.2
kept = []

def test_nothing():
    with tempfile.TemporaryFile(), socket.create_server(("127.0.0.1", 0)):
        thread = threading.Thread(target=print)
        thread.start()
        made = "import tempfile; tempfile.TemporaryFile()"
        subprocess.run([sys.executable, "-c", made], check=True)

def test_process():
    kept.append(subprocess.Popen(["sleep", "60"]))

def test_ended_but_not_waited_for():
    kept.append(subprocess.Popen(["true"]))

def test_port():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_thread():
    threading.Thread(target=threading.Event().wait, args=(20,), daemon=True, name="of-test").start()

def test_file():
    tempfile.mkstemp()

def test_file_of_a_process():
    subprocess.run([sys.executable, "-c", "import tempfile; tempfile.mkdtemp()"], check=True)

def test_handler():
    signal.signal(signal.SIGTERM, lambda *_: None)

def test_end():
    for p in kept[:2]:
        p.kill()
        p.wait()
    kept[2].close()
"""
EXPECTED = {
    "test_process": "process",
    "test_ended_but_not_waited_for": "(not waited for)",
    "test_port": "port",
    "test_thread": "thread of-test",
    "test_handler": "handler of SIGTERM",
    "test_file": "file",
    "test_file_of_a_process": "file",
}


def test_what_a_test_leaves_fails_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("leaving")
    (folder / "test_leaving.py").write_text(LEAVING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "leftovers",
        "-c",
        "/dev/null",
        "--rootdir",
        ".",
        "--basetemp",
        "made",
        "-rEf",
        "--tb=no",
    ]
    output = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    ).stdout
    failures = [line for line in output.splitlines() if line.startswith(("ERROR", "FAILED"))]
    line_of = {line.split("::")[1].split(" ")[0]: line for line in failures}
    assert line_of.keys() == EXPECTED.keys(), output
    for name, line in line_of.items():
        assert "left behind" in line and EXPECTED[name] in line, output
