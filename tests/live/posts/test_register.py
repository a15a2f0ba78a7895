from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("cryptography")
from fedh2l.live.posts.post import FAREWELL, PostError, seal
from fedh2l.live.posts.register import KEPT, Equivocation, Register, bundle, unbundle
from fedh2l.live.trust.identity import Identity, make_identity

FEDERATION = "00112233445566aa"


@pytest.fixture(scope="module")
def rome(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("rome") / "identity", "rome")


def post(
    rome: Identity, t: int, payload: bytes = b"x", epoch: int = 1, seq: int | None = None
) -> bytes:
    return seal(rome.sign, FEDERATION, "rome", epoch, t if seq is None else seq, t, payload).data


def register(rome: Identity) -> Register:
    return Register(FEDERATION, {"rome": rome.public})


def test_the_last_posts_are_kept_oldest_first(rome: Identity) -> None:
    rome_posts = register(rome)
    for t in range(KEPT + 5):
        assert rome_posts.take("rome", post(rome, t)) is not None
    assert [p.round for p in rome_posts.posts_after("rome", -1)] == list(range(5, KEPT + 5))
    assert [p.round for p in rome_posts.posts_after("rome", KEPT + 2)] == [KEPT + 3, KEPT + 4]
    assert rome_posts.has_spoken("rome", KEPT + 4)
    assert not rome_posts.has_spoken("rome", KEPT + 5)
    assert not rome_posts.has_spoken("paris", 0)


def test_an_old_round_is_not_taken_again(rome: Identity) -> None:
    rome_posts = register(rome)
    old = [post(rome, t) for t in range(KEPT + 2)]
    for data in old:
        rome_posts.take("rome", data)
    with pytest.raises(PostError, match="older than"):
        rome_posts.take("rome", old[0])
    with pytest.raises(PostError, match="older than"):
        rome_posts.take("rome", post(rome, KEPT + 9, epoch=0))  # a later round in an earlier epoch
    assert rome_posts.take("rome", old[-1]) is None


def test_a_restarted_author_says_the_same_again_and_nothing_else(rome: Identity) -> None:
    rome_posts = register(rome)
    rome_posts.take("rome", post(rome, 3, b"said"))
    assert rome_posts.take("rome", post(rome, 3, b"said", epoch=2)) is None
    with pytest.raises(Equivocation, match="two different things in round 3"):
        rome_posts.take("rome", post(rome, 3, b"other", epoch=3))
    newest = rome_posts.newest("rome")
    assert newest is not None
    assert (newest.payload, newest.epoch) == (b"said", 2)
    with pytest.raises(PostError, match="older than"):
        rome_posts.take("rome", post(rome, 4, epoch=1))
    assert rome_posts.take("rome", post(rome, 4, epoch=2)) is not None


def test_a_stranger_has_no_place_in_it(rome: Identity) -> None:
    with pytest.raises(PostError, match="paris: no member"):
        register(rome).take("paris", post(rome, 0))
    with pytest.raises(PostError, match="not signed by this member"):
        Register(FEDERATION, {"paris": rome.public}).take("paris", post(rome, 0))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 8), st.integers(0, 4), st.integers(0, 20), st.sampled_from([b"a", b"b"])
        ),
        max_size=40,
    )
)
def test_whatever_comes_the_order_holds_and_a_round_once_said_stays(
    rome: Identity, words: list[tuple[int, int, int, bytes]]
) -> None:
    rome_posts, first_payloads = register(rome), dict[int, bytes]()
    newest = (-1, -1)
    for t, epoch, seq, payload in words:
        try:
            rome_posts.take("rome", post(rome, t, payload, epoch, seq))
        except PostError:
            continue
        finally:
            posts = list(rome_posts.posts_after("rome", -1))
            assert [p.round for p in posts] == sorted({p.round for p in posts})
            assert [p.order for p in posts] == sorted({p.order for p in posts})
            for p in posts:
                assert first_payloads.setdefault(p.round, p.payload) == p.payload
            if posts:
                assert posts[-1].order >= newest
                newest = posts[-1].order


def test_a_bundle_holds_the_first_posts_that_fit(rome: Identity) -> None:
    rome_posts = register(rome)
    for t in range(4):
        rome_posts.take("rome", post(rome, t, bytes(100)))
    size = 4 + len(post(rome, 0, bytes(100)))
    assert (
        list(unbundle(bundle(rome_posts.posts_after("rome", -1), 2 * size + 5)))
        == [p.data for p in rome_posts.posts_after("rome", -1)][:2]
    )


@given(st.binary(max_size=200))
def test_a_bundle_of_anything_ends(data: bytes) -> None:
    posts = bundle_of(data)
    assert posts is None or sum(4 + len(p) for p in posts) == len(data)


def bundle_of(data: bytes) -> list[bytes] | None:
    try:
        return list(unbundle(data))
    except PostError:
        return None


def test_nothing_is_left_on_disk(rome: Identity) -> None:
    assert sorted(p.name for p in Path(rome.folder).iterdir()) == [
        "identity.json",
        "link.key",
        "posts.key",
    ]


def farewell(rome: Identity, t: int, epoch: int, seq: int = 99) -> bytes:
    return seal(rome.sign, FEDERATION, "rome", epoch, seq, t, b"", FAREWELL).data


def test_a_farewell_holds_until_its_author_says_something_more(rome: Identity) -> None:
    rome_posts = register(rome)
    assert rome_posts.gone_from("rome") is None
    rome_posts.take("rome", post(rome, 3))
    assert rome_posts.take("rome", farewell(rome, 4, epoch=1)) is not None
    assert rome_posts.gone_from("rome") == 4
    assert [p.is_farewell for p in rome_posts.to_hand_on("rome", -1)] == [False, True]
    assert [p.round for p in rome_posts.posts_after("rome", -1)] == [3], "it is no frame"
    rome_posts.take("rome", post(rome, 3, epoch=2))  # back, it says its last post again
    assert rome_posts.gone_from("rome") is None
    assert rome_posts.take("rome", farewell(rome, 4, epoch=1)) is None, "the same bytes again"
    assert rome_posts.gone_from("rome") is None
    with pytest.raises(PostError, match="older than what it said later: replayed"):
        rome_posts.take("rome", farewell(rome, 5, epoch=1))
    rome_posts.take("rome", farewell(rome, 4, epoch=2))
    assert rome_posts.gone_from("rome") == 4


def test_a_farewell_is_its_authors_own_and_has_no_frame(rome: Identity) -> None:
    rome_posts = Register(FEDERATION, {"rome": rome.public, "oslo": "11" * 32})
    with pytest.raises(PostError, match="oslo: not signed by this member"):
        rome_posts.take("oslo", farewell(rome, 4, epoch=1))
    changed = bytearray(post(rome, 3))
    changed[3] = FAREWELL  # the kind is signed, too
    with pytest.raises(PostError):
        rome_posts.take("rome", bytes(changed))
    with pytest.raises(PostError, match="a farewell with a frame in it"):
        rome_posts.take("rome", seal(rome.sign, FEDERATION, "rome", 1, 1, 4, b"x", FAREWELL).data)
    assert rome_posts.gone_from("rome") is None and rome_posts.gone_from("oslo") is None
