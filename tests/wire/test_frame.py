import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedh2l.error import FedH2LError
from fedh2l.message import Posteriors, Weights
from fedh2l.wire import CODECS
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import decode, encode, is_key
from fedh2l.wire.hard import HARD, layout, one_hot
from fedh2l.wire.header import HEADER, Session
from fedh2l.wire.state import WireState

PLAIN = Session(CODECS["float32"], "digest")


def posteriors(
    t: int = 3, rows: int = 5, classes: int = 4, seed: int = 0, sharpness: float = 1.0
) -> Posteriors:
    return Posteriors(
        t,
        np.random.default_rng(seed)
        .dirichlet(np.full(classes, 1 / sharpness), rows)
        .astype(np.float32),
    )


def frame(message: Posteriors | Weights | None = None, session: Session = PLAIN) -> bytes:
    return encode(message or posteriors(), session, WireState("mallory"))


def checked(data: bytes, session: Session = PLAIN) -> bytes:
    """The frame with the check that goes with what is in it: what a liar sends."""
    check = zlib.crc32(data[16:], zlib.crc32(session.id + bytes(4) + data[:12]))
    return data[:12] + struct.pack("<I", check) + data[16:]


def tampered(**changes: object) -> bytes:
    names = ("magic", "version", "kind", "distance", "lost", "session", "round", "check")
    fields = dict(zip(names, HEADER.unpack_from(frame()), strict=True))
    return HEADER.pack(*(fields | changes).values()) + frame()[HEADER.size :]


@given(
    st.sampled_from(sorted(CODECS)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 20),
    st.integers(2, 9),
    st.integers(0, 99),
)
def test_what_is_decoded_is_near_what_was_encoded(
    codec: str, t: int, rows: int, classes: int, seed: int
) -> None:
    message, session = posteriors(t, rows, classes, seed), Session(CODECS[codec], "digest")
    copy = decode(
        frame(message, session), posteriors(t, rows, classes, 1), session, "x", WireState("me")
    )
    assert isinstance(copy, Posteriors)
    assert copy.round == t
    np.testing.assert_allclose(copy.probs.sum(1), 1, atol=1e-5)
    nearest = {"float32": 0.0, "float16": 1e-3, "uint8": 1 / 255, "hard": 1.0}.get(
        codec, 0.21 + classes / 30
    )
    assert np.abs(copy.probs - message.probs).max() <= nearest


@given(st.integers(1, 200), st.integers(2, 300), st.integers(0, 99))
def test_the_codec_of_labels_takes_about_log2_classes_bits(
    rows: int, classes: int, seed: int
) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, rows)
    probs = one_hot(labels, classes)
    body, _ = HARD.encode(probs, None)
    np.testing.assert_array_equal(HARD.decode(body, (rows, classes), None)[0], probs)
    # As many whole digits as a word of 8 bytes holds.
    assert 8 * len(body) <= rows * 64 / (64 // np.log2(classes)) + 8


@given(st.integers(1, 40), st.integers(2, 40), st.binary(max_size=200))
def test_a_strangers_labels_are_one_for_each_row_or_refused(
    rows: int, classes: int, body: bytes
) -> None:
    size = layout(rows, classes)[2]
    try:
        probs, _ = HARD.decode(body[:size].ljust(size, b"\0"), (rows, classes), None)
    except WireError:
        return
    assert probs.shape == (rows, classes) and (probs.sum(1) == 1).all()


def test_labels_that_no_row_has_are_refused() -> None:
    with pytest.raises(WireError, match="digits that no row has"):
        HARD.decode(b"\xff" * layout(5, 3)[2], (5, 3), None)


def test_weights_come_back_in_their_shapes() -> None:
    message = Weights(
        2, 77, {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1.5], np.float32)}
    )
    copy = decode(frame(message), message, PLAIN, "x", WireState("me"))
    assert isinstance(copy, Weights)
    assert copy.rows == 77
    for k, v in message.arrays.items():
        np.testing.assert_array_equal(copy.arrays[k], v)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "shorter than a header"),
        (tampered(magic=b"XX"), "same release"),
        (tampered(version=9), "same release"),
        (tampered(session=b"ot"), "another seed set or in another codec"),
        (tampered(kind=2), "same algorithm and codec"),
        (tampered(round=4), "round 4, expected 3"),
        (tampered(distance=1), "which was not heard"),
        (tampered(lost=200), "damaged"),
        (checked(tampered(lost=200)), "a body of 0 bytes"),
        (frame()[:-1], "damaged"),
        (checked(frame()[:-1]), "expected 80"),
        (frame() + b"\0" * 1_000_000, "more than any frame"),
        (checked(frame()[: HEADER.size] + struct.pack("<20f", *[float("nan")] * 20)), "NaN"),
        (
            checked(frame()[: HEADER.size] + struct.pack("<20f", *[-1.0, 2.0, 0.0, 0.0] * 5)),
            "least value -1",
        ),
        (checked(frame()[: HEADER.size] + bytes(80)), "row sums 0"),
    ],
)
def test_a_bad_frame_is_refused_with_the_reason(data: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=f"mallory: .*{complaint}"):
        decode(data, posteriors(), PLAIN, "mallory", WireState("me"))


def test_a_codec_is_named_right_or_refused() -> None:
    with pytest.raises(FedH2LError, match="did you mean 'float16'"):
        CODECS["float15"]


def test_weights_with_nan_or_of_another_model_are_refused() -> None:
    mine = Weights(0, 1, {"a": np.zeros(3, np.float32)})
    with pytest.raises(WireError, match="diverged"):
        decode(
            frame(Weights(0, 1, {"a": np.array([1, np.nan, 1], np.float32)})),
            mine,
            PLAIN,
            "x",
            WireState("me"),
        )
    with pytest.raises(WireError, match="another model"):
        decode(
            frame(Weights(0, 1, {"a": np.zeros(4, np.float32)})), mine, PLAIN, "x", WireState("me")
        )


def test_posteriors_about_other_examples_are_a_key_frame() -> None:
    session, wire = Session(CODECS["lattice"], "digest"), WireState("a")
    message = posteriors()
    frames = [encode(Posteriors(t, message.probs, fresh=t == 2), session, wire) for t in range(4)]
    assert [is_key(data) for data in frames] == [True, False, True, False]
