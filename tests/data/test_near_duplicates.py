"""A private row in the seed set is found as it is and lightly changed; other rows are not taken for
it.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_digits

from fedh2l.data.idx import load_mnist
from fedh2l.data.near_duplicates import near_duplicates

DIGITS = load_digits(return_X_y=True)[0].astype(np.float32).reshape(-1, 1, 8, 8) / 16
Change = Callable[[np.ndarray], np.ndarray]


def as_jpeg(images: np.ndarray) -> np.ndarray:
    def reread(pixels: np.ndarray) -> np.ndarray:
        data = io.BytesIO()
        Image.fromarray((pixels * 255).astype(np.uint8)).save(data, "JPEG", quality=75)
        return np.asarray(Image.open(data), np.float32) / 255

    return np.stack([reread(image[0]) for image in images])[:, None]


def with_holes(images: np.ndarray) -> np.ndarray:
    x = images.copy()
    x[:, :, ::3, ::3] = np.nan
    return x


CHANGES: dict[str, Change] = {
    "as they are": lambda x: x,
    "a grey level brighter": lambda x: np.minimum(x + 1 / 255, 1),
    "a tenth brighter": lambda x: np.minimum(x + 0.1, 1),
    "half the contrast": lambda x: x / 2 + 0.2,
    "0 to 255": lambda x: x * 255,
    "bytes": lambda x: (x * 255).astype(np.uint8),
    "JPEG": as_jpeg,
    "NaN in places": with_holes,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_images_are_found(change: Change) -> None:
    found = near_duplicates(DIGITS[:600], change(DIGITS[:40]))
    assert {(i, i) for i in range(40)} <= set(found.pairs) and not found.not_compared


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_images_of_many_pixels_are_found(change: Change) -> None:
    x = np.random.default_rng(0).random((60, 1, 40, 40), np.float32)
    found = near_duplicates(x, change(x[:10]))
    assert found.pairs == [(i, i) for i in range(10)]


def test_other_digits_are_not_taken_for_copies() -> None:
    assert near_duplicates(DIGITS[:600], DIGITS[600:]).pairs == []


def test_other_images_of_mnist_are_hardly_ever_taken_for_copies(mnist: Path) -> None:
    (train, _), (test, _) = load_mnist(mnist)
    assert len(near_duplicates(train[:2000], test).pairs) <= 3  # of 10,000
    for change in CHANGES.values():
        pairs = near_duplicates(train[:300], change(train[:40])).pairs
        assert {(i, i) for i in range(40)} <= set(pairs)


def test_rows_of_a_table_are_compared_by_column() -> None:
    x = np.asarray(load_breast_cancer(return_X_y=True)[0], np.float32)
    assert near_duplicates(x[:250], x[250:]).pairs == []
    private = x[:40] * np.float32(1.001)
    private[:, 3] = np.nan
    assert near_duplicates(x[:250], private).pairs == [(i, i) for i in range(40)]


def test_a_row_that_is_mostly_unknown_is_named_not_passed() -> None:
    private = DIGITS[600:603].copy()
    private[1] = np.nan
    found = near_duplicates(DIGITS[:600], private)
    assert (found.pairs, found.not_compared) == ([], [1])


def test_blank_images_are_compared_by_their_value() -> None:
    seeds = np.stack([*DIGITS[:5], np.full_like(DIGITS[0], 0.5)])
    private = np.stack([np.full_like(DIGITS[0], value) for value in (0.5, 0.1)])
    assert near_duplicates(seeds, private).pairs == [(5, 0)]


def test_equal_and_single_seed_rows_find_their_copies_too() -> None:
    for seeds in (DIGITS[:1], np.repeat(DIGITS[:1], 3, axis=0), np.ones((2, 3), np.float32)):
        assert (0, 0) in near_duplicates(seeds, seeds[:1]).pairs


def test_five_thousand_against_twenty_thousand_rows_take_seconds() -> None:
    rng = np.random.default_rng(0)
    seeds, private = rng.random((5000, 784), np.float32), rng.random((20_000, 784), np.float32)
    start = time.process_time()
    assert near_duplicates(seeds, private).pairs == []
    assert time.process_time() - start < 15  # 3 on an idle core
