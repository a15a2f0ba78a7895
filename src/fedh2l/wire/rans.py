"""The entropy coder: rANS (Duda, arXiv:1311.2540) in integers only, so that every machine and
language gives the same bits.

Symbols come in batches that share a model: for each context a row of cumulative frequencies out of
2^14. One lane codes symbol after symbol; with many symbols 64 lanes share one stream of words, and
each numpy call advances all of them. The bytes do not depend on the machine.
"""

from bisect import bisect_right

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.wire.codec import WireError

BITS = 14  # of a frequency
TOTAL = 1 << BITS
LOW = 1 << 16  # a state is in [LOW, LOW << 16)
LANES = 64  # where there are many symbols

Index = Int[np.ndarray, " n"]
Tables = Int[np.ndarray, "contexts symbols_and_one"]  # cumulative: from 0 to TOTAL in every row


class Writer:
    """The encoder: it takes symbols first to last and codes them last to first, as rANS must."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.batches: list[tuple[np.ndarray, np.ndarray]] = []  # start and frequency of each symbol

    def code(self, tables: Tables, contexts: Index, symbols: Index | None) -> Index:
        assert symbols is not None
        start = tables[contexts, symbols]
        self.batches.append((start, tables[contexts, symbols + 1] - start))
        return symbols

    def finish(self) -> bytes:
        return self._code_one_lane() if self.lanes == 1 else self._code_lanes()

    def _code_one_lane(self) -> bytes:
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

    def _code_lanes(self) -> bytes:
        states, words = np.full(self.lanes, LOW, np.int64), [np.zeros(0, np.int64)]
        for starts, freqs in reversed(self.batches):
            limits, rest = freqs << 18, TOTAL - freqs
            for at in reversed(range(0, len(starts), self.lanes)):
                step = slice(at, min(at + self.lanes, len(starts)))
                x = states[: step.stop - at]
                # A lane whose state would leave its range gives its low half as a word first.
                full = (x >= limits[step]).nonzero()[0]
                words.append(x[full])
                x[full] >>= 16
                x += x // freqs[step] * rest[step] + starts[step]
        return _bytes(states, np.concatenate(words[::-1]) & 0xFFFF)


class Reader:
    """The decoder: it gives symbols first to last.

    `code` takes the argument `symbols` so that a model drives writer and reader alike.
    """

    def __init__(self, data: bytes, lanes: int) -> None:
        if len(data) < 4 * lanes or (len(data) - 4 * lanes) % 2:
            raise WireError(f"a body of {len(data)} bytes, which no encoder writes")
        self.lanes, self.at = lanes, 0
        self.states = np.frombuffer(data, "<u4", lanes).astype(np.int64)
        self.words = np.frombuffer(data, "<u2", offset=4 * lanes).astype(np.int64)
        if (self.states < LOW).any():
            raise WireError("a state below its least value, which no encoder writes")

    def code(self, tables: Tables, contexts: Index, symbols: Index | None = None) -> Index:
        if self.lanes == 1:
            return self._read_one_lane(tables.tolist(), contexts.tolist())
        return self._read_lanes(tables, contexts)

    def finish(self) -> None:
        """Refuse a stream whose states are not back where the encoder began, or with words left
        over.
        """
        if (self.states != LOW).any() or self.at != len(self.words):
            raise WireError("a body that does not end where its symbols end")

    def _read_one_lane(self, rows: list[list[int]], contexts: list[int]) -> Index:
        x, word_count, symbols = int(self.states[0]), 0, list[int]()
        words = self.words[self.at : self.at + len(contexts)].tolist()  # a symbol takes one at most
        for context in contexts:
            row, slot = rows[context], x & (TOTAL - 1)
            end = bisect_right(row, slot)  # the place in the row at which the symbol ends
            start = row[end - 1]
            x = (row[end] - start) * (x >> BITS) + slot - start
            symbols.append(end - 1)
            if x < LOW:
                if word_count == len(words):
                    raise WireError("a body that ends before its symbols do")
                x, word_count = x << 16 | words[word_count], word_count + 1
        self.states[0], self.at = x, self.at + word_count
        return np.array(symbols, np.int64)

    def _read_lanes(self, tables: Tables, contexts: Index) -> Index:
        starts, freqs = tables[:, :-1].ravel(), np.diff(tables, axis=1).ravel()
        # The symbol of every slot, context after context.
        symbol_of_slot = np.repeat(
            np.tile(np.arange(tables.shape[1] - 1, dtype=np.uint16), len(tables)), freqs
        )
        # Where each symbol's context begins: among the slots, and among starts and frequencies.
        first_slot, first_cell = contexts << BITS, contexts * (tables.shape[1] - 1)

        symbols = np.empty(len(contexts), np.int64)
        for at in range(0, len(contexts), self.lanes):
            step = slice(at, min(at + self.lanes, len(contexts)))
            x = self.states[: step.stop - at]
            slots = x & (TOTAL - 1)
            symbols[step] = symbol = symbol_of_slot[first_slot[step] + slots]
            cell = first_cell[step] + symbol
            x >>= BITS
            x *= freqs[cell]
            x += slots - starts[cell]
            # A lane whose state has left its range takes the next word, in the order of lanes.
            low = (x < LOW).nonzero()[0]
            if self.at + len(low) > len(self.words):
                raise WireError("a body that ends before its symbols do")
            x[low] = x[low] << 16 | self.words[self.at : self.at + len(low)]
            self.at += len(low)
        return symbols


def tables_of(
    weights: Int[np.ndarray, "contexts symbols"],
    allowed: Shaped[np.ndarray, " symbols"] | None = None,
) -> Tables:
    """Cumulative frequencies in proportion to the weights: at least 1 for a symbol that is allowed,
    0 for any other. The remainder goes to the first symbol of the largest weight.
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


def even_table(symbols: int) -> Tables:
    """The table of one context in which so many symbols are equally likely."""
    return (np.arange(symbols + 1) << BITS)[None] // symbols


def _bytes(states: list[int] | np.ndarray, words: np.ndarray) -> bytes:
    return np.asarray(states).astype("<u4").tobytes() + words.astype("<u2").tobytes()
