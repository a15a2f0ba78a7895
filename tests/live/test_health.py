"""What an operator is told: certificates that end, why a member ended, and how it is."""

from collections.abc import Iterator
from pathlib import Path
from socket import create_server

import pytest

from conftest import seed_set, torch_learner
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.commands.status import status
from fedh2l.error import FedH2LError
from fedh2l.live.health import health_of
from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.trust import invite as invites
from fedh2l.live.trust.identity import open_identity
from fedh2l.live.trust.invite import convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.live.join import join
from fedh2l.live.news import News

SEEDS = seed_set()


def joined(folder: Path, *, address: str = "", listen: str = "", learner: object = None) -> None:
    """All rounds of the only member of a federation."""
    if not (folder / "invite.json").exists():
        convened(folder, address or f"127.0.0.1:{free_port()}")
    with MemberFolder(folder / "run") as place:
        list(start(folder, place, learner or torch_learner(), listen))


def start(folder: Path, place: MemberFolder, learner: object, listen: str = "") -> Iterator[News]:
    keys = open_identity(folder / "keys")
    return join(folder / "invite.json", keys, SEEDS, learner, place, listen=listen)  # type: ignore[arg-type]


def convened(folder: Path, address: str) -> None:
    data = convene(
        folder / "keys",
        "rome",
        address,
        SEEDS,
        FedH2L(steps=1),
        "lattice",
        rounds=2,
        quorum=1,
        grace=0.0,
        deadline=2.0,
    )
    (folder / "invite.json").write_bytes(data)


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(("days", "warned"), [(10, True), (20, False), (-1, True)])
def test_a_certificate_that_ends_soon_is_told_by_join_the_log_and_status(
    tmp_path: Path, days: int, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invites, "DAYS", days)
    if days < 0:
        from fedh2l.live.trust import authority

        monkeypatch.setattr(authority, "SKEW", authority.SKEW * 72)
    convened(tmp_path, f"127.0.0.1:{free_port()}")
    with MemberFolder(tmp_path / "run") as place:
        said = [news.text for news in start(tmp_path, place, torch_learner()) if news.line is None]
    assert any("the certificate of rome" in text for text in said) == warned
    log = (tmp_path / "run" / "log.txt").read_text()
    assert ("run fedh2l accept as the first time" in log) == warned
    assert f"{days} days left" in str(health_of(tmp_path / "run").answer["certificate"])


def test_what_ends_a_member_stands_in_its_log_and_in_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(type(torch_learner())):
        def learn(self, lesson: object, steps: int) -> float | None:
            raise RuntimeError("the sensor is gone")

    failing = torch_learner()
    failing.__class__ = Failing
    with pytest.raises(RuntimeError):
        joined(tmp_path, learner=failing)
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "failed after 0 rounds" in log and "RuntimeError: the sensor is gone" in log
    health = health_of(tmp_path / "run")
    assert health.exit_code == 3 and "it does not run" in health.alarms[0]
    with pytest.raises(SystemExit, match="3"):
        status(tmp_path / "run", check=True)
    assert "RuntimeError" in capsys.readouterr().out

    joined(tmp_path)
    assert health_of(tmp_path / "run").exit_code == 0
    status(tmp_path / "run", check=True)
    (tmp_path / "keys" / "accepted.json").unlink()
    with pytest.raises(FedH2LError, match="was never accepted"):
        joined(tmp_path)
    assert "ended after 0 rounds: federation" in (tmp_path / "run" / "log.txt").read_text()


def test_prometheus_reads_the_numbers_of_a_member(tmp_path: Path) -> None:
    joined(tmp_path)
    status(tmp_path / "run", metrics=tmp_path / "fedh2l.prom")
    lines = (tmp_path / "fedh2l.prom").read_text().splitlines()
    numbers = {words[0]: float(words[1]) for line in lines if (words := line.split())[0] != "#"}
    assert numbers["fedh2l_rounds_done"] == numbers["fedh2l_rounds_agreed"] == 2
    assert numbers["fedh2l_running"] == 0 and numbers["fedh2l_finished"] == 1
    assert 364.9 < numbers["fedh2l_certificate_days_left"] < 365
    assert not (tmp_path / "fedh2l.prom.partial").exists()


def test_a_member_listens_elsewhere_than_at_its_address_behind_a_forwarded_port(
    tmp_path: Path,
) -> None:
    """The address of the terms is none of this machine."""
    with pytest.raises(FedH2LError, match="cannot open its links"):
        joined(tmp_path, address="192.0.2.1:7447")
    joined(tmp_path, listen=f"127.0.0.1:{free_port()}")
    assert health_of(tmp_path / "run").answer["state"] == "finished"


def test_a_number_of_ipv6_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(FedH2LError, match="a name that has an AAAA record"):
        convened(tmp_path, "[::1]:7447")


def test_the_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fedh2l.live import member_folder

    monkeypatch.setattr(member_folder, "LARGEST_LOG", 1000)
    with MemberFolder(tmp_path) as place:
        for _ in range(200):
            place.log("word " * 10)
    assert sum(p.stat().st_size for p in tmp_path.glob("log*.txt")) < 2500
