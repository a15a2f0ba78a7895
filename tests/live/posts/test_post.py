import datetime
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedh2l.error import FedH2LError

pytest.importorskip("cryptography")
from cryptography import x509

from fedh2l.live.posts.post import ENVELOPE, PostError, next_epoch, open_post, seal
from fedh2l.live.trust.authority import make_authority
from fedh2l.live.trust.identity import Identity, make_identity, open_identity, verify

FEDERATION = "00112233445566aa"


@pytest.fixture(scope="module")
def rome(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("rome") / "identity", "rome")


def test_a_post_is_read_as_it_was_sealed(rome: Identity) -> None:
    post = seal(rome.sign, FEDERATION, "rome", 5, 6, 7, b"frame")
    assert open_post(post.data, FEDERATION, "rome", rome.public, 5) == post
    assert (post.order, post.round, len(post.data)) == ((5, 6), 7, ENVELOPE + 5)


@given(st.data())
def test_no_byte_of_a_post_can_be_changed(rome: Identity, data: st.DataObject) -> None:
    post = bytearray(seal(rome.sign, FEDERATION, "rome", 5, 6, 7, b"frame").data)
    post[data.draw(st.integers(0, len(post) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PostError, match="rome: "):
        open_post(bytes(post), FEDERATION, "rome", rome.public, 5)


@given(st.binary(max_size=300))
def test_nothing_but_posts_is_read(rome: Identity, data: bytes) -> None:
    with pytest.raises(PostError):
        open_post(data, FEDERATION, "rome", rome.public, 200)


def test_a_post_holds_in_one_federation_under_one_name_and_size_only(rome: Identity) -> None:
    data = seal(rome.sign, FEDERATION, "rome", 5, 6, 7, b"frame").data
    with pytest.raises(PostError, match="of federation 0011"):
        open_post(data, "ff" * 8, "rome", rome.public, 5)
    with pytest.raises(PostError, match="paris: not signed"):
        open_post(data, FEDERATION, "paris", rome.public, 5)
    with pytest.raises(PostError, match="bytes, expected"):
        open_post(data, FEDERATION, "rome", rome.public, 4)


def test_an_epoch_is_later_than_any_before_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next_epoch(tmp_path / "epoch")
    monkeypatch.setattr("time.time_ns", lambda: first - 86_400 * 10**9)
    assert next_epoch(tmp_path / "epoch") == first + 1
    assert next_epoch(tmp_path / "epoch") == first + 2


def test_keys_are_their_owners_alone_and_are_opened_again(rome: Identity) -> None:
    for key in (rome.folder / "posts.key", rome.folder / "link.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = open_identity(rome.folder)
    assert again.public == rome.public
    assert verify(rome.public, again.sign(b"x"), b"x")
    assert not verify(rome.public, again.sign(b"x"), b"y")
    assert not verify("no key", again.sign(b"x"), b"x")
    with pytest.raises(FedH2LError, match="an identity in it already"):
        make_identity(rome.folder, "rome")


def test_an_identity_that_others_may_read_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    identity = make_identity(tmp_path / "paris", "paris")
    identity.link_key.chmod(0o644)
    with pytest.raises(FedH2LError, match="chmod 600"):
        open_identity(tmp_path / "paris")
    with pytest.raises(FedH2LError, match="no identity in it"):
        open_identity(tmp_path / "nowhere")
    with pytest.raises(FedH2LError, match=r"name '\.\./x'"):
        make_identity(tmp_path / "x", "../x")


def test_the_authority_certifies_the_key_that_asked_under_its_name_only(
    rome: Identity, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path)
    request = rome.request(["rome.example", "10.0.0.1"])
    pem = authority.issue(request, "rome", ["rome.example", "10.0.0.1"], 30)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    certificate.verify_directly_issued_by(
        x509.load_pem_x509_certificate(authority.certificate.encode())
    )
    assert certificate.public_key() == x509.load_pem_x509_csr(request.encode()).public_key()
    assert certificate.not_valid_after_utc - datetime.datetime.now(
        datetime.UTC
    ) < datetime.timedelta(days=31)
    assert make_authority(tmp_path).certificate == authority.certificate
    with pytest.raises(FedH2LError, match="expected CN=paris"):
        authority.issue(request, "paris", [], 30)
    with pytest.raises(FedH2LError, match="cannot be read"):
        authority.issue("-----BEGIN", "rome", [], 30)
