"""The entropy coder: rANS (Duda, arXiv:1311.2540) in integers only, so that every machine and
language gives the same bits.

Symbols come in batches that share a model, a row of cumulative frequencies out of 2^14 for each
context. One lane codes symbol after symbol; with many symbols 64 lanes share one stream of words
and each numpy call moves them all. The bytes do not depend on the machine.
"""

from bisect import bisect_right

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.wire.codec import WireError

BITS = 14  # of a frequency
TOTAL = 1 << BITS
LOW = 1 << 16  # a state is in [LOW, LOW << 16)
MANY = 64  # lanes

Index = Int[np.ndarray, " n"]
Tables = Int[np.ndarray, "contexts symbols_and_one"]  # cumulative: from 0 to TOTAL in every row


class Writer:
    """Takes symbols first to last and codes them last to first, as rANS must."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.batches: list[tuple[np.ndarray, np.ndarray]] = []  # start and frequency of each symbol

    def code(self, tables: Tables, contexts: Index, symbols: Index | None) -> Index:
        assert symbols is not None
        start = tables[contexts, symbols]
        self.batches.append((start, tables[contexts, symbols + 1] - start))
        return symbols

    def finish(self) -> bytes:
        return self._one() if self.lanes == 1 else self._many()

    def _one(self) -> bytes:
        x, words = LOW, []
        for starts, freqs in reversed(self.batches):
            for start, freq in zip(
                reversed(starts.tolist()), reversed(freqs.tolist()), strict=True
            ):
                if x >= freq << 18:
                    words.append(x & 0xFFFF)
                    x >>= 16
                x = (x // freq << BITS) + x % freq + start
        return _bytes([x], np.array(words[::-1], np.int64))

    def _many(self) -> bytes:
        lanes, words = np.full(self.lanes, LOW, np.int64), [np.zeros(0, np.int64)]
        for starts, freqs in reversed(self.batches):
            most, rest = freqs << 18, TOTAL - freqs
            for at in reversed(range(0, len(starts), self.lanes)):
                some = slice(at, min(at + self.lanes, len(starts)))
                x = lanes[: some.stop - at]
                full = (x >= most[some]).nonzero()[0]
                words.append(x[full])
                x[full] >>= 16
                x += x // freqs[some] * rest[some] + starts[some]
        return _bytes(lanes, np.concatenate(words[::-1]) & 0xFFFF)


class Reader:
    """Gives symbols first to last.

    The argument `symbols` is there so that a model drives writer and reader alike.
    """

    def __init__(self, data: bytes, lanes: int) -> None:
        if len(data) < 4 * lanes or (len(data) - 4 * lanes) % 2:
            raise WireError(f"a body of {len(data)} bytes, which no encoder writes")
        self.lanes, self.at = lanes, 0
        self.x = np.frombuffer(data, "<u4", lanes).astype(np.int64)
        self.words = np.frombuffer(data, "<u2", offset=4 * lanes).astype(np.int64)
        if (self.x < LOW).any():
            raise WireError("a state below its least value, which no encoder writes")

    def code(self, tables: Tables, contexts: Index, symbols: Index | None = None) -> Index:
        return (
            self._one(tables.tolist(), contexts.tolist())
            if self.lanes == 1
            else self._many(tables, contexts)
        )

    def finish(self) -> None:
        """The states are back where the encoder began, and nothing is left over."""
        if (self.x != LOW).any() or self.at != len(self.words):
            raise WireError("a body that does not end where its symbols end")

    def _one(self, rows: list[list[int]], contexts: list[int]) -> Index:
        x, read, out = int(self.x[0]), 0, list[int]()
        words = self.words[self.at : self.at + len(contexts)].tolist()  # a symbol takes one at most
        for context in contexts:
            row, slot = rows[context], x & (TOTAL - 1)
            symbol = bisect_right(row, slot)  # and one
            start = row[symbol - 1]
            x = (row[symbol] - start) * (x >> BITS) + slot - start
            out.append(symbol - 1)
            if x < LOW:
                if read == len(words):
                    raise WireError("a body that ends before its symbols do")
                x, read = x << 16 | words[read], read + 1
        self.x[0], self.at = x, self.at + read
        return np.array(out, np.int64)

    def _many(self, tables: Tables, contexts: Index) -> Index:
        starts, freqs = tables[:, :-1].ravel(), np.diff(tables, axis=1).ravel()
        # Of every slot, by context.
        symbols_of = np.repeat(
            np.tile(np.arange(tables.shape[1] - 1, dtype=np.uint16), len(tables)), freqs
        )
        slot_0, symbol_0 = contexts << BITS, contexts * (tables.shape[1] - 1)
        out = np.empty(len(contexts), np.int64)
        for at in range(0, len(contexts), self.lanes):
            some = slice(at, min(at + self.lanes, len(contexts)))
            x = self.x[: some.stop - at]
            slots = x & (TOTAL - 1)
            out[some] = symbol = symbols_of[slot_0[some] + slots]
            cell = symbol_0[some] + symbol
            x >>= BITS
            x *= freqs[cell]
            x += slots - starts[cell]
            low = (x < LOW).nonzero()[0]
            if self.at + len(low) > len(self.words):
                raise WireError("a body that ends before its symbols do")
            x[low] = x[low] << 16 | self.words[self.at : self.at + len(low)]
            self.at += len(low)
        return out


def tables_of(
    weights: Int[np.ndarray, "contexts symbols"],
    allowed: Shaped[np.ndarray, " symbols"] | None = None,
) -> Tables:
    """Cumulative frequencies in proportion to the weights, none below 1 where a symbol is allowed;
    the rest to the first largest.
    """
    possible = (
        np.ones_like(weights)
        if allowed is None
        else np.broadcast_to(allowed, weights.shape).astype(np.int64)
    )
    w = weights * possible
    freqs = possible + (TOTAL - possible.sum(1, keepdims=True)) * w // w.sum(1, keepdims=True)
    freqs[np.arange(len(w)), w.argmax(1)] += TOTAL - freqs.sum(1)
    return np.concatenate([np.zeros((len(w), 1), np.int64), freqs.cumsum(1)], 1)


def even(symbols: int) -> Tables:
    """Of so many symbols none is likelier; one context."""
    return (np.arange(symbols + 1) << BITS)[None] // symbols


def _bytes(states: list[int] | np.ndarray, words: np.ndarray) -> bytes:
    return np.asarray(states).astype("<u4").tobytes() + words.astype("<u2").tobytes()
