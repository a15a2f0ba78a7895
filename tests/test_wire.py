import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedh2l.message import Posteriors, Weights
from fedh2l.wire import HEADER, WireError, decode, encode

SESSION = b"12345678"


def posteriors(t: int = 3, rows: int = 5, classes: int = 4, seed: int = 0) -> Posteriors:
    return Posteriors(t, np.random.default_rng(seed).dirichlet(np.ones(classes), rows).astype(np.float32))


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(2, 9), st.integers(0, 99))
def test_what_is_decoded_is_what_was_encoded(t: int, rows: int, classes: int, seed: int) -> None:
    said = posteriors(t, rows, classes, seed)
    heard = decode(encode(said, SESSION), posteriors(t, rows, classes, 1), SESSION, "x")
    assert isinstance(heard, Posteriors)
    assert heard.round == t
    np.testing.assert_array_equal(heard.probs, said.probs)


def test_weights_come_back_in_their_shapes() -> None:
    said = Weights(2, 77, {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1.5], np.float32)})
    heard = decode(encode(said, SESSION), said, SESSION, "x")
    assert isinstance(heard, Weights)
    assert heard.rows == 77
    for k, v in said.arrays.items():
        np.testing.assert_array_equal(heard.arrays[k], v)


def tampered(**changes: object) -> bytes:
    fields = {"magic": b"H2", "version": 1, "kind": 1, "round": 3, "session": SESSION} | changes
    return HEADER.pack(*fields.values()) + encode(posteriors(), SESSION)[HEADER.size :]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "shorter than a header"),
        (tampered(magic=b"XX"), "same release"),
        (tampered(version=9), "same release"),
        (tampered(session=b"otherset"), "another seed set"),
        (tampered(kind=2), "same algorithm"),
        (tampered(round=4), "round 4, expected 3"),
        (tampered()[:-1], "expected 80"),
        (tampered() + b"\0" * 1_000_000, "expected 80"),
        (encode(posteriors(), SESSION)[: HEADER.size] + struct.pack("<20f", *[float("nan")] * 20), "NaN"),
        (encode(posteriors(), SESSION)[: HEADER.size] + struct.pack("<20f", *[-1.0, 2.0, 0.0, 0.0] * 5), "least value -1"),
        (encode(posteriors(), SESSION)[: HEADER.size] + bytes(80), "row sums 0"),
    ],
)
def test_a_bad_message_is_refused_with_the_reason(data: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=f"mallory: .*{complaint}"):
        decode(data, posteriors(), SESSION, "mallory")


@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 95), st.integers(0, 255)), max_size=4))
def test_nothing_a_stranger_sends_gets_in_as_anything_but_distributions(noise: bytes, flips: list[tuple[int, int]]) -> None:
    message = bytearray(encode(posteriors(), SESSION))
    for at, value in flips:
        message[at] = value
    for data in (noise, bytes(message)):
        try:
            heard = decode(data, posteriors(), SESSION, "mallory")
        except WireError:
            continue
        assert isinstance(heard, Posteriors)
        assert heard.probs.shape == (5, 4)
        assert (heard.probs >= 0).all()
        np.testing.assert_allclose(heard.probs.sum(1), 1, atol=2e-3)


def test_weights_with_nan_or_of_another_model_are_refused() -> None:
    mine = Weights(0, 1, {"a": np.zeros(3, np.float32)})
    with pytest.raises(WireError, match="diverged"):
        decode(encode(Weights(0, 1, {"a": np.array([1, np.nan, 1], np.float32)}), SESSION), mine, SESSION, "x")
    with pytest.raises(WireError, match="another model"):
        decode(encode(Weights(0, 1, {"a": np.zeros(4, np.float32)}), SESSION), mine, SESSION, "x")
