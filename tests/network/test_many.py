import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("zenoh")
from hosts import send_out

from members import free_port, make_terms

pytestmark = pytest.mark.slow
MEMBERS, ROUNDS, SIZE = 50, 6, 2000


def test_fifty_members_close_a_round_within_three_seconds(tmp_path: Path) -> None:
    names = [f"m{i}" for i in range(MEMBERS)]
    terms = make_terms(tmp_path, dict.fromkeys(names, ""), {"r": f"127.0.0.1:{free_port()}"})
    send_out(tmp_path, replace(terms, deadline=60.0))
    command = [sys.executable, str(Path(__file__).parent / "many.py"), str(tmp_path), str(ROUNDS), str(SIZE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    print(json.dumps(told))
    assert told["heard"] == ROUNDS * MEMBERS * (MEMBERS - 1), "somebody missed somebody"
    assert max(told["seconds"][1:]) <= 3.0  # the first waits for the links
    payload = ROUNDS * MEMBERS * (MEMBERS - 1) * SIZE
    assert payload < told["wire"] < 1.25 * payload
