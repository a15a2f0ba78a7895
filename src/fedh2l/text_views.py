"""Questions about texts: without some of the words, or of spans of two texts."""

import numpy as np
from jaxtyping import Float, Int, Shaped

DROPPED = 0.15  # probability that a word is left out
Texts = Shaped[np.ndarray, "_"]


def drop_words(x: Texts, rng: np.random.Generator) -> Texts:
    """Each word left out with probability `DROPPED`; one is always left. Words are what blanks
    part.
    """
    shorter: list[str] = []
    for text in x.tolist():
        words = np.array(text.split(), object)
        kept = rng.random(len(words)) >= DROPPED
        # A text of blanks has no word that could stay.
        if len(words) and not kept.any():
            kept[rng.integers(len(words))] = True
        shorter.append(" ".join(words[kept]))
    return np.array(shorter, np.str_)


def join_spans(
    x: Texts, rng: np.random.Generator
) -> tuple[Texts, Int[np.ndarray, "_"], Float[np.ndarray, "_"]]:
    """The first half of every text and the second half of another: which other, and the share of
    the words that are of the one.
    """
    other = rng.permutation(len(x))
    texts = [text.split() for text in x.tolist()]
    joined: list[str] = []
    shares: list[float] = []
    for words, second in zip(texts, other.tolist(), strict=True):
        head = words[: (len(words) + 1) // 2]
        tail = texts[second][(len(texts[second]) + 1) // 2 :]
        joined.append(" ".join(head + tail))
        shares.append(len(head) / max(1, len(head) + len(tail)))
    return np.array(joined, np.str_), other, np.array(shares, np.float32)
