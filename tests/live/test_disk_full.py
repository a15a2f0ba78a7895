"""A full disk: a start is refused with its reason, and a member that runs goes on, in the same
process, once there is space.
"""

import errno
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from test_health import convened, free_port, joined, start

from conftest import torch_learner
from fedh2l.commands.refusals import reason_of
from fedh2l.live.health import health_of
from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.notices import Notices
from fedh2l.live.patience import write_patiently
from fedh2l.record.atomic import write_file
from local_federation import MEMBERS, LocalFederation, convene


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 2 MB."""
    (tmp_path / "run").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(tmp_path / "run")]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a disk of its own needs root and mount")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path / "run")], check=True)


def fill_up(folder: Path) -> None:
    fill = os.open(folder / "fill", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(fill, bytes(500))
    os.close(fill)


def soon(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def test_a_full_disk_is_one_line_and_the_member_goes_on_once_there_is_space(
    small_disk: Path,
) -> None:
    convened(small_disk, f"127.0.0.1:{free_port()}")
    with MemberFolder(small_disk / "run") as place:
        next(n for n in start(small_disk, place, torch_learner()) if n.line is not None)
    fill_up(small_disk / "run")
    with pytest.raises(OSError, match="No space left") as refused:
        joined(small_disk)
    assert refused.value.errno == errno.ENOSPC
    assert "free some space, then go on with the same command" in (reason_of(refused.value) or "")
    (small_disk / "run" / "fill").unlink()
    joined(small_disk)
    assert health_of(small_disk / "run").answer["state"] == "finished"


def test_a_running_member_waits_for_space_and_goes_on_in_the_same_process(
    small_disk: Path, federation: LocalFederation
) -> None:
    """Its folder is on the small disk; the other member's is not."""
    convene(federation, MEMBERS[:2], quorum=1, rounds=100_000, grace=0.5, deadline=5.0)
    (federation.folder / "lyon").symlink_to(small_disk / "run")
    for name in MEMBERS[:2]:
        federation.join(name, model="oslo")
    federation.until("lyon", 3)
    fill_up(small_disk / "run")
    line = "nothing can be written in lyon (no space left on device): free some space"
    assert soon(lambda: line in federation.said("lyon")), federation.said("lyon")
    rounds, others = len(federation.rounds("lyon")), len(federation.rounds("kiev"))
    federation.until("kiev", others + 3)
    assert len(federation.rounds("lyon")) == rounds
    status = federation.command("status", "lyon", "--check", code=3)
    assert "the disk of lyon is full: free some space" in status

    (small_disk / "run" / "fill").unlink()
    federation.until("lyon", rounds + 3)
    assert federation.running["lyon"].poll() is None
    numbers = [x["round"] for x in federation.rounds("lyon")]
    assert numbers == list(range(len(numbers))), "no round is lost, or doubled"
    assert federation.said("lyon").count(line) == 1
    assert soon(lambda: line in (small_disk / "run" / "log.txt").read_text())
    assert "the disk takes what is written again" in (small_disk / "run" / "log.txt").read_text()
    federation.stop("lyon")
    federation.stop("kiev")


def test_a_read_only_disk_is_waited_for_and_an_hour_is_enough(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fedh2l.live import patience

    disk, notices = small_disk / "run", Notices(small_disk / "run")
    remount = ["mount", "-o"]
    subprocess.run([*remount, "remount,ro", str(disk)], check=True)
    again = threading.Timer(
        0.5, lambda: subprocess.run([*remount, "remount,rw", str(disk)], check=True)
    )
    again.start()
    monkeypatch.setattr(patience, "AGAIN", 0.1)
    write_patiently(lambda: write_file(disk / "file", b"x"), notices)
    again.join()
    assert (disk / "file").read_bytes() == b"x"
    told = [notices.texts.get_nowait() for _ in range(2)]
    assert "(read-only file system): make it writable" in str(told[0])
    assert told[1] == "the disk takes what is written again"

    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    fill_up(disk)
    with pytest.raises(OSError, match="No space left"):
        write_patiently(lambda: write_file(disk / "more", bytes(10_000)), notices)
