"""Which private texts are seed texts, or nearly: by the words that both have in a row."""

import re
from collections import Counter, defaultdict

import numpy as np
from jaxtyping import Shaped

WORDS = 3  # in a row, that two texts have in common by chance seldom
ALIKE = 0.5  # share of the runs of words of the two texts together that both have


def near_texts(
    seeds: Shaped[np.ndarray, " seeds"], private: Shaped[np.ndarray, " rows"]
) -> list[tuple[int, int]]:
    """Pairs of (seed row, private row) that are the same text or nearly, whatever their case,
    blanks and punctuation.
    """
    of_seeds = [_runs(text) for text in seeds.tolist()]
    holders: dict[str, list[int]] = defaultdict(list)
    for i, runs in enumerate(of_seeds):
        for run in runs:
            holders[run].append(i)

    pairs: list[tuple[int, int]] = []
    for j, text in enumerate(private.tolist()):
        runs = _runs(text)
        shared = Counter(i for run in runs for i in holders.get(run, ()))
        for i, count in sorted(shared.items()):
            if count >= ALIKE * (len(runs) + len(of_seeds[i]) - count):
                pairs.append((i, j))
    return pairs


def _runs(text: str) -> set[str]:
    """Every run of words; of a short text all of it."""
    words = re.findall(r"\w+", text.casefold()) or [text.strip()]
    if len(words) < WORDS:
        return {" ".join(words)}
    return {" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)}
