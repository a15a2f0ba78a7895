"""The local page: the numbers of the journal are on it, seen by a real browser without any network
but this machine.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from conftest import torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.commands.watch import metrics
from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.trust.invite import convene

LINE = {
    "round": 0,
    "version": 1,
    "payload_bytes": 61,
    "heard": {"oslo": 70},
    "missing": ["kiev"],
    "refused": {},
    "apart": {"oslo": 0.25},
    "conflict_rate": None,
    "accuracy": 0.9,
    "wire": {"oslo": [100, 120], "kiev": [10, 0]},
    "present": ["oslo"],
    "seconds": 0.5,
}


def member(folder: Path) -> Path:
    """A folder as join leaves it, with three rounds."""
    peer = torch_peers()[0]
    with MemberFolder(folder / "a") as place:
        place.keep(
            convene(
                folder / "keys",
                "a",
                "127.0.0.1:7447",
                peer.seed_set,
                FedH2L(),
                "lattice",
                rounds=3,
                quorum=1,
                grace=1.0,
                deadline=1.0,
            )
        )
        place.restore(peer)
        for t in range(3):
            place.write_round(LINE | {"round": t}, [], {})
            place.commit(peer, t + 1, {"oslo": t})
    return folder / "a"


def test_a_rounds_numbers_are_what_the_charts_show() -> None:
    numbers = metrics(LINE)
    assert (
        numbers["bytes sent"] == 110
        and numbers["apart from/oslo"] == 0.25
        and numbers["accuracy"] == 0.9
        and numbers["missing"] == 1
    )
    assert "accuracy" not in metrics(LINE | {"accuracy": None})


@pytest.mark.slow
def test_a_browser_shows_the_charts_without_the_internet(tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="needs the extra live")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    folder, port = member(tmp_path), "7871"
    code = (
        "from pathlib import Path; from fedh2l.commands.watch import follow; "
        f"follow(Path({str(folder)!r}), 'p', port={port})"
    )
    environment = os.environ | {
        "BROWSER": "true",
        "http_proxy": "",
        "https_proxy": "",
        "HTTPS_PROXY": "",
        "HTTP_PROXY": "",
    }
    with (tmp_path / "out").open("w") as out:
        page = subprocess.Popen(
            [sys.executable, "-c", code], stdout=out, stderr=out, env=environment
        )
    try:
        _until_it_answers(f"http://127.0.0.1:{port}/", page, tmp_path / "out")
        line = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'browser'}",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"http://127.0.0.1:{port}/?project=p",
        ]
        page_text = subprocess.run(
            line, capture_output=True, text=True, timeout=120, check=True
        ).stdout
        assert all(name in page_text for name in ("accuracy", "payload bytes said", "missing")), (
            json.dumps(page_text[-3000:])
        )
    finally:
        page.kill()
        page.wait()


def _until_it_answers(address: str, page: "subprocess.Popen[bytes]", out: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert page.poll() is None, out.read_text()
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                address, timeout=2
            ):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(out.read_text())
