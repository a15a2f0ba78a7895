"""A full disk ends a member with its reason, and it goes on once there is space."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from test_health import convened, free_port, joined, start

from conftest import torch_learner
from fedh2l.commands.refusals import reason_of
from fedh2l.live.health import health_of
from fedh2l.live.member_folder import MemberFolder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 2 MB."""
    (tmp_path / "run").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(tmp_path / "run")]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a disk of its own needs root and mount")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path / "run")], check=True)


def test_a_full_disk_is_one_line_and_the_member_goes_on_once_there_is_space(
    small_disk: Path,
) -> None:
    convened(small_disk, f"127.0.0.1:{free_port()}")
    with MemberFolder(small_disk / "run") as place:
        next(n for n in start(small_disk, place, torch_learner()) if n.line is not None)
    fill = os.open(small_disk / "run" / "fill", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(fill, bytes(500))
    os.close(fill)
    with pytest.raises(OSError, match="No space left") as refused:
        joined(small_disk)
    assert refused.value.errno == errno.ENOSPC
    assert "free some space, then go on with the same command" in (reason_of(refused.value) or "")
    (small_disk / "run" / "fill").unlink()
    joined(small_disk)
    assert health_of(small_disk / "run").answer["state"] == "finished"
