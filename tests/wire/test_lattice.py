import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedh2l.wire import CODECS
from fedh2l.wire.codec import CodecState, WireError
from fedh2l.wire.lattice import Lattice, best_moves, uniform
from fedh2l.wire.moves import FIRST, ROW, SHARES, likeliest_classes
from fedh2l.wire.rans import LANES, TOTAL, Reader, Writer, even_table, tables_of

LATTICES = ("lattice", "adaptive")


def walks(rows: int, classes: int, rounds: int, seed: int) -> list[np.ndarray]:
    """Posteriors that wander and sharpen, as those of peers do that learn."""
    rng = np.random.default_rng(seed)
    logits, frames = np.zeros((rows, classes)), []
    for _ in range(rounds):
        logits = logits * rng.uniform(0.8, 1.3) + rng.normal(size=logits.shape) * rng.uniform(
            0.5, 2
        )
        shares = np.exp(logits - logits.max(1, keepdims=True))
        frames.append((shares / shares.sum(1, keepdims=True)).astype(np.float32))
    return frames


@given(
    st.sampled_from(LATTICES),
    st.integers(1, 40) | st.just(2500),
    st.integers(2, 12) | st.sampled_from([100, 300]),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_both_ends_hold_the_same_after_every_frame(
    name: str, rows: int, classes: int, rounds: int, seed: int
) -> None:
    codec, author_state, receiver_state = CODECS[name], None, None
    for probs in walks(rows, classes, rounds, seed):
        body, author_state = codec.encode(probs, author_state)
        rows_read, receiver_state = codec.decode(body, probs.shape, receiver_state)
        assert {k: v.tolist() for k, v in author_state.items()} == {
            k: v.tolist() for k, v in receiver_state.items()
        }
        assert (receiver_state["counts"].sum(1, dtype=np.int64) == ROW).all()
        np.testing.assert_array_equal(rows_read, receiver_state["counts"].astype(np.float32) / ROW)
        assert len(body) <= 4 * probs.size + 64


@pytest.mark.parametrize("name", LATTICES)
def test_what_is_held_follows_the_posteriors_and_never_moves_away(name: str) -> None:
    codec, state = CODECS[name], None
    for probs in walks(200, 10, 12, 1):
        before = ((state or uniform(probs.shape))["counts"].astype(np.float64) / ROW - probs) ** 2
        _, state = codec.encode(probs, state)
        after = (state["counts"].astype(np.float64) / ROW - probs) ** 2
        assert (after.sum(1) <= before.sum(1) + 1e-6).all()
        # Flatter rows are told only as far as they say something.
        if (signal := np.square(probs - 0.1).sum(1).mean()) > 0.2:
            assert after.sum(1).mean() < 0.15 * signal


def test_with_a_lead_what_is_held_is_less_behind_posteriors_that_go_on() -> None:
    rng = np.random.default_rng(0)
    start, way = rng.normal(size=(300, 100)), 2 * rng.normal(size=(300, 100))
    logits = [start + t / 20 * way + 0.1 * rng.normal(size=way.shape) for t in range(40)]
    frames = [(np.exp(z) / np.exp(z).sum(1, keepdims=True)).astype(np.float32) for z in logits]
    lags = []
    for lead in (0.0, 0.5):
        codec, state, behind = Lattice("adaptive", 5, adaptive=True, lead=lead), None, []
        for t, probs in enumerate(frames):
            _, state = codec.encode(probs, state)
            if t > 3:
                step = (probs - frames[t - 3]) / 3
                gap = probs - state["counts"].astype(np.float32) / ROW
                behind.append(float((gap * step).sum() / np.square(step).sum()))
        lags.append(np.mean(behind))  # rounds
    assert abs(lags[1]) < 0.5 * lags[0]


@pytest.mark.parametrize("name", LATTICES)
def test_rows_that_stay_where_they_are_cost_next_to_nothing(name: str) -> None:
    codec, state, sizes = CODECS[name], None, []
    for _ in range(12):
        body, state = codec.encode(walks(500, 10, 5, 2)[-1], state)
        sizes.append(len(body))
    assert sizes[-1] <= 8


def test_adaptive_says_less_about_rows_that_are_sure() -> None:
    sizes: dict[str, int] = {}
    for name in LATTICES:
        state, sizes[name] = None, 0
        for probs in walks(500, 10, 8, 3):
            body, state = CODECS[name].encode(probs, state)
            sizes[name] += len(body)
    assert sizes["adaptive"] < sizes["lattice"]


@pytest.mark.parametrize("name", LATTICES)
def test_the_sooner_a_view_passes_the_less_is_said_about_it(name: str) -> None:
    codec, probs = CODECS[name], walks(500, 10, 8, 3)[-1]
    sizes = [len(codec.encode(probs, None, rounds_left)[0]) for rounds_left in (1, 4, None)]
    assert sizes[0] < 0.8 * sizes[2]
    assert sizes == sorted(sizes)
    body, state = codec.encode(probs, None, 1)
    rows, _ = codec.decode(body, probs.shape, None)
    np.testing.assert_array_equal(rows, state["counts"].astype(np.float32) / ROW)


@pytest.mark.parametrize("lead", [0.0, 0.5])
def test_the_best_move_is_the_best_of_all_moves(lead: float) -> None:
    probs, counts = (
        walks(50, 6, 3, 3)[-1],
        np.random.default_rng(0).multinomial(ROW, np.full(6, 1 / 6), 50).astype(np.uint16),
    )
    classes, share, gain = best_moves(probs, counts, SHARES, lead)
    current, corners = counts / ROW, np.eye(6)
    before = ((probs - current) ** 2).sum(1)
    steps = 0.5 ** np.arange(1, SHARES + 1)
    rows_after = current[:, None, None] * (1 - steps[:, None]) + corners[:, None] * steps[:, None]
    # Rows, classes, shares.
    gains = before[:, None, None] - ((probs[:, None, None] - rows_after) ** 2).sum(-1)
    np.testing.assert_allclose(gain, gains[np.arange(50), classes, share], atol=1e-5)
    ahead = probs + lead * (probs - current)  # the way to it is longer by the lead
    farther = -((ahead[:, None] - rows_after[np.arange(50), classes]) ** 2).sum(-1)
    np.testing.assert_allclose(farther[np.arange(50), share], farther.max(1), atol=1e-5)


@given(st.integers(1, 300), st.integers(0, 2**32 - 1), st.sampled_from([1, LANES]))
@settings(max_examples=80)
def test_symbols_come_back_as_they_went(n: int, seed: int, lanes: int) -> None:
    rng = np.random.default_rng(seed)
    tables = tables_of(
        rng.integers(1, 10_000, (4, 7)) ** rng.integers(1, 3),
        rng.permutation([True] * 5 + [False] * 2),
    )
    contexts, of = rng.integers(4, size=n), int(rng.integers(1, 200))
    possible = np.flatnonzero(np.diff(tables[0]))
    symbols, numbers, one = rng.choice(possible, n), rng.integers(of, size=n), np.zeros(n, np.int64)
    writer = Writer(lanes)
    writer.code(tables, contexts, symbols)
    writer.code(even_table(of), one, numbers)
    reader = Reader(writer.finish(), lanes)
    np.testing.assert_array_equal(reader.code(tables, contexts), symbols)
    np.testing.assert_array_equal(reader.code(even_table(of), one), numbers)
    reader.finish()


def test_frequencies_fill_the_whole_and_leave_every_symbol_possible() -> None:
    tables = tables_of(np.array([[1, 10**9, 0, 5], [1, 1, 1, 1]]))
    assert (tables[:, 0] == 0).all()
    assert (tables[:, -1] == TOTAL).all()
    assert (np.diff(tables) >= 1).all()


def test_among_equal_counts_the_lowest_class_comes_first() -> None:
    counts = np.array([[5, 9, 9, 5, 1, 0, 0, 0, 0, 0]], np.uint16)
    assert likeliest_classes(counts).tolist() == [[1, 2, 0, 3, 4, 5, 6]]


@pytest.mark.parametrize("name", LATTICES)
def test_numbers_in_the_other_byte_order_are_the_same_numbers(name: str) -> None:
    def turned(state: CodecState) -> CodecState:
        return {k: v.astype(v.dtype.newbyteorder(">")) for k, v in state.items()}

    codec, (first, second) = CODECS[name], walks(60, 12, 2, 5)
    _, state = codec.encode(first, None)
    body, after = codec.encode(second.astype(">f4"), turned(state))
    assert body == codec.encode(second, state)[0]
    rows, state_read = codec.decode(bytes(body), second.shape, turned(state))
    np.testing.assert_array_equal(rows, codec.decode(body, second.shape, state)[0])
    assert {k: v.tolist() for k, v in state_read.items()} == {
        k: v.tolist() for k, v in after.items()
    }


def test_too_many_classes_are_refused_with_what_to_use() -> None:
    with pytest.raises(WireError, match="use uint8 or float16"):
        uniform((1, TOTAL + 1))


def test_codecs_have_names_and_numbers_of_their_own() -> None:
    assert all(name == codec.name for name, codec in CODECS.items())
    assert len({codec.kind for codec in CODECS.values()}) == len(CODECS)
    assert all((v > 0).all() for v in FIRST.values())
