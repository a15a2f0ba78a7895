"""What can be asked about seed rows beside the rows themselves, by the kind of the rows; and the
augmentations of images: agreed on seeds, private on private rows.

Amounts are fractions of the image's side, so that a view of an 8×8 digit is as moderate as one of a
28×28 digit.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.choices import Choices
from fedh2l.error import FedH2LError
from fedh2l.rows import kind_of
from fedh2l.warp import Degrees, Images, deformed, gather, largest_neighbour, turned

# From rows, and a generator; of images, also by how many degrees each is turned.
View = Callable[..., np.ndarray]
# From rows to as many mixtures of two: which other row is in each, and the share of the one.
Mixing = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray, np.ndarray]]


def unchanged(
    x: Shaped[np.ndarray, "n ..."], rng: np.random.Generator, degrees: Degrees | None = None
) -> Shaped[np.ndarray, "n ..."]:
    """The rows themselves; they need not be images, unless they are turned."""
    return x if degrees is None else turned(x, degrees)


def check_images(x: Shaped[np.ndarray, "..."]) -> None:
    """Refuse what is no images, or images whose channels come last: a view would turn them along
    the wrong axes.
    """
    if x.ndim == 4 and not (x.shape[3] in (1, 3, 4) and x.shape[1] > 4):
        return
    fix = ": x.transpose(0, 3, 1, 2)" if x.ndim == 4 else "; use view='none', mixtures=False"
    raise FedH2LError(
        f"views and mixtures need images (rows, channels, height, width), found {x.shape}{fix}"
    )


def shift(x: Images, rng: np.random.Generator, degrees: Degrees | None = None) -> Images:
    """Every image moved by whole pixels, up to 1/14 of its side (±2 of 28), zeros behind it."""
    check_images(x)
    x = x if degrees is None else turned(x, degrees)
    most = [max(1, round(side / 14)) for side in x.shape[2:]]
    dy, dx = (rng.integers(-m, m + 1, len(x))[:, None] for m in most)
    rows, columns = (np.arange(side)[None] for side in x.shape[2:])
    return gather(
        x, (rows - dy)[:, :, None].astype(np.float32), (columns - dx)[:, None, :].astype(np.float32)
    )


def geometry(x: Images, rng: np.random.Generator, degrees: Degrees | None = None) -> Images:
    """Moderate geometry: shift ±7 %, rotation ±12°, scale ±12 %, shear ±0.1, elastic displacement
    of ±5 % of the side.
    """
    check_images(x)
    return deformed(x, rng, turn=12.0, size=0.12, slant=0.1, elastic=0.05, degrees=degrees)


def bold(x: Images, rng: np.random.Generator, degrees: Degrees | None = None) -> Images:
    """Bold geometry: shift ±7 %, rotation ±25°, scale ±20 %, shear ±0.25, elastic displacement of
    ±9 % of the side; then strokes up to 60 % of the way to their largest or smallest neighbour.

    Where an image is small, a neighbour is a larger part of it, and the way is shorter.
    """
    check_images(x)
    bent = deformed(x, rng, turn=25.0, size=0.2, slant=0.25, elastic=0.09, degrees=degrees)
    most = 0.6 * min(1.0, min(x.shape[2:]) / 28)
    amounts = rng.uniform(-most, most, len(x)).astype(np.float32)[:, None, None, None]
    # The smallest is the largest of the negative.
    sign = np.where(amounts < 0, np.float32(-1), np.float32(1))
    extreme = sign * largest_neighbour(sign * bent)
    return bent + np.abs(amounts) * (extreme - bent)


def cutmix(
    x: Images, rng: np.random.Generator
) -> tuple[Images, Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """CutMix (arXiv:1905.04899): every image with a rectangle of another in it; which other, and
    the share that is left of the one.
    """
    check_images(x)
    n, _, h, w = x.shape
    other = rng.permutation(n)
    height, width = (rng.integers(max(1, side * 2 // 7), side * 3 // 4 + 1, n) for side in (h, w))
    top, left = rng.integers(0, h - height + 1), rng.integers(0, w - width + 1)
    rows, columns = np.arange(h)[None, :, None], np.arange(w)[None, None, :]
    inside = (rows >= top[:, None, None]) & (rows < (top + height)[:, None, None])
    inside = inside & (columns >= left[:, None, None]) & (columns < (left + width)[:, None, None])
    return (
        np.where(inside[:, None], x[other], x),
        other,
        (1 - height * width / (h * w)).astype(np.float32),
    )


VIEWS: Choices[View] = Choices(
    "view",
    {
        "none": "fedh2l.views:unchanged",
        "shift": "fedh2l.views:shift",
        "geometry": "fedh2l.views:geometry",
        "bold": "fedh2l.views:bold",
        "swap": "fedh2l.table_views:swap",
        "words": "fedh2l.text_views:drop_words",
    },
)
MIXTURES: Choices[Mixing] = Choices(
    "kind of rows with mixtures",
    {
        "images": "fedh2l.views:cutmix",
        "table": "fedh2l.table_views:cutmix_columns",
        "vectors": "fedh2l.table_views:cutmix_values",
        "text": "fedh2l.text_views:join_spans",
    },
)
VIEWS_OF: dict[str, tuple[str, ...]] = {
    "images": ("geometry", "bold", "shift"),
    "table": ("swap",),
    "text": ("words",),
    "vectors": (),
    "numbers": (),
}
# Views of texts have not been measured: nobody gets them unasked.
# How private images are augmented where the seeds' view is bolder than is good for them.
PRIVATE_VIEW: dict[str, str] = {"bold": "geometry"}
DEFAULT_VIEW: dict[str, str] = {
    "images": "geometry",
    "table": "swap",
    "text": "none",
    "vectors": "none",
    "numbers": "none",
}


def check_view(x: Shaped[np.ndarray, "rows ..."], view: str, *, mixtures: bool) -> None:
    """Refuse a view, or mixtures, that the kind of the rows does not have."""
    kind = kind_of(x)
    if view == "none" and not mixtures:
        return
    if kind not in MIXTURES or kind == "images":
        check_images(x)
    if view not in ("none", *VIEWS_OF[kind]):
        own = " or ".join(repr(name) for name in (*VIEWS_OF[kind], "none"))
        raise FedH2LError(f"view {view!r} is not one of {kind}; use {own}")
