"""Doctor: every failure is found before joining, with what to do about it."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import create_server, socket

import pytest

import live_member
from conftest import seed_set
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.data.seedset_file import save_seed_set
from fedh2l.finding import Finding
from fedh2l.live.doctor.examine import examine
from fedh2l.live.trust import authority as authorities
from fedh2l.live.trust.accepted import remember
from fedh2l.live.trust.answer import answer, read_answer
from fedh2l.live.trust.authority import make_authority
from fedh2l.live.trust.identity import make_identity, open_identity
from fedh2l.live.trust.invite import admit, convene
from fedh2l.live.trust.terms import read_terms, signed
from fedh2l.seedset import SeedSet

x, y = live_member.rows(99, 30)
SEEDS = SeedSet(x, ("0", "1", "2"), y)


@pytest.fixture
def invite(tmp_path: Path) -> Iterator[Path]:
    """Rome, which listens, and oslo, which is about to join."""
    with create_server(("127.0.0.1", 0)) as server, create_server(("127.0.0.1", 0)) as free:
        ports = [s.getsockname()[1] for s in (server, free)]
        free.close()
        draft = convene(
            tmp_path / "rome",
            "rome",
            f"127.0.0.1:{ports[0]}",
            SEEDS,
            FedH2L(),
            "lattice",
            rounds=5,
            quorum=2,
            grace=1.0,
            deadline=9.0,
        )
        rome, terms = open_identity(tmp_path / "rome"), read_terms(draft)
        reply = answer(
            terms, make_identity(tmp_path / "oslo", "oslo"), f"127.0.0.1:{ports[1]}", relay=False
        )
        remember(tmp_path / "oslo", terms)
        terms = admit(terms, rome, [read_answer(reply)])
        (tmp_path / "invite.json").write_bytes(signed(terms, rome))
        (tmp_path / "rome.pem").write_text(terms.member("rome").certificate)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=terms.authority)
        context.verify_mode = ssl.CERT_REQUIRED
        thread = threading.Thread(
            target=_answer_once, args=(server, context, (tmp_path / "rome.pem", rome.link_key))
        )
        thread.start()
        save_seed_set(SEEDS, tmp_path / "seeds")
        yield tmp_path / "invite.json"
        server.shutdown(2)
        thread.join()


def _answer_once(server: socket, context: ssl.SSLContext, chain: tuple[Path, Path]) -> None:
    try:
        link, _ = server.accept()
        context.load_cert_chain(*chain)
        with link, context.wrap_socket(link, server_side=True) as tls:
            tls.recv(1)
    except OSError:
        pass


def found(
    invite: Path, model: str | None = None, seeds: str = "seeds", identity: str = "oslo"
) -> dict[str, Finding]:
    place = invite.parent
    return {
        f.what: f
        for f in examine(
            invite, place / identity, place / seeds, model and f"{live_member.__file__}:{model}"
        )
    }


def test_a_member_that_can_join_is_told_so(invite: Path) -> None:
    findings = found(invite, "oslo")
    assert all(f.ok for f in findings.values()), findings
    assert findings["reach rome"].found.endswith("mutual TLS")
    assert "label order" in findings and "dry round" in findings


def test_labels_in_another_order_are_found(invite: Path) -> None:
    findings = found(invite, "permuted")
    assert "private labels contradict the seed set's" in findings["private rows"].found
    finding = findings["label order"]
    assert not finding.ok and "column 0 looks like '2'" in finding.found


def test_another_seed_set_a_taken_port_and_strange_keys_are_found(invite: Path) -> None:
    save_seed_set(seed_set(), invite.parent / "other")
    assert not found(invite, seeds="other")["seed set"].ok
    port = int(read_terms(invite.read_bytes()).member("oslo").address.rpartition(":")[2])
    with create_server(("127.0.0.1", port)):
        assert not found(invite)["port"].ok
    make_identity(invite.parent / "strange", "oslo")
    findings = found(invite, identity="strange")
    assert not findings["key"].ok and not findings["certificate"].ok


def test_a_model_that_fails_is_a_finding_with_its_reason(invite: Path) -> None:
    assert "no function 'nothing'" in found(invite, "nothing")["dry round"].found


def test_a_member_that_does_not_listen_is_found(invite: Path) -> None:
    terms = read_terms(invite.read_bytes())
    rome = open_identity(invite.parent / "rome")
    away = answer(terms, rome, "127.0.0.1:1", relay=False)
    invite.write_bytes(signed(admit(terms, rome, [read_answer(away)]), rome))
    finding = found(invite)["reach rome"]
    assert not finding.ok and "nobody listens" in finding.found and finding.fix


@pytest.mark.parametrize(
    ("authority", "from_now", "what", "fix"),
    [
        ("rome/authority", 1, "not yet valid", "clocks"),
        ("another", -1, "unable to get local issuer", "another federation"),
    ],
)
def test_a_clock_that_is_behind_and_another_authority_are_told_apart(
    invite: Path, authority: str, from_now: int, what: str, fix: str
) -> None:
    rome = open_identity(invite.parent / "rome")
    with pytest.MonkeyPatch.context() as patch:
        maker = make_authority(invite.parent / authority)
        patch.setattr(authorities, "SKEW", -datetime.timedelta(days=from_now))
        reply = maker.issue(rome.request(["127.0.0.1"]), "rome", ["127.0.0.1"], 30)
    (invite.parent / "rome.pem").write_text(reply)
    finding = found(invite)["reach rome"]
    assert not finding.ok and what in finding.found and fix in finding.fix
