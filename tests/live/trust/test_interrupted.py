"""A kill or a full disk while keys are made harms nothing: the same command called again makes what
is missing.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cryptography")
from conftest import seed_set
from fedh2l.data.seedset_file import save_seed_set
from fedh2l.error import FedH2LError
from fedh2l.live.trust.authority import make_authority, open_authority
from fedh2l.live.trust.identity import make_identity, open_identity
from members import invite, local_terms

NEW = ["invite", "new", "invite.json", "--name", "rome", "--address", "127.0.0.1:7447"]
ACCEPT = ["accept", "given.json", "--name", "oslo", "--yes"]


@pytest.mark.parametrize(("command", "points"), [(NEW, 9), (ACCEPT, 6)], ids=["new", "accept"])
def test_a_command_that_was_interrupted_is_called_again(
    tmp_path: Path, command: list[str], points: int
) -> None:
    place, seeds = tmp_path / "place", seed_set()
    place.mkdir()
    save_seed_set(seeds, place / "seeds")
    terms = local_terms(tmp_path / "others", "abc")
    _, data = invite(tmp_path / "others", terms, seed_set=seeds.digest, classes=seeds.classes)
    (place / "given.json").write_bytes(data)
    script = Path(__file__).parent / "interrupted.py"
    line = [sys.executable, str(script), str(place), *command, "--seed-set", "seeds"]
    process = subprocess.run(line, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    trial = json.loads(process.stdout.splitlines()[-1])
    assert trial["failures"] == []
    assert trial["killed"] >= points and trial["full"] >= 4


def test_keys_that_are_left_are_taken_up_and_never_replaced(tmp_path: Path) -> None:
    whole = make_identity(tmp_path / "a", "a")
    (tmp_path / "a" / "identity.json").unlink()
    assert make_identity(tmp_path / "a", "a").public == whole.public
    authority = make_authority(tmp_path / "b")
    (tmp_path / "b" / "authority.pem").unlink()
    again = make_authority(tmp_path / "b")
    assert again.key.private_numbers() == authority.key.private_numbers()


@pytest.mark.parametrize("name", ["identity.json", "posts.key", "link.key"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbfx", b"[]", b"\x00" * 40])
def test_a_damaged_identity_is_refused_with_what_to_do(
    tmp_path: Path, name: str, content: bytes
) -> None:
    make_identity(tmp_path, "a")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FedH2LError, match="restore it from a copy"):
        open_identity(tmp_path)


@pytest.mark.parametrize("name", ["authority.key", "authority.pem"])
def test_a_damaged_or_lost_authority_is_refused_and_not_made_anew(
    tmp_path: Path, name: str
) -> None:
    make_authority(tmp_path)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(FedH2LError, match="from a copy"):
        open_authority(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FedH2LError, match="from a copy"):
        open_authority(tmp_path)
