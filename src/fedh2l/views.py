"""What can be asked about seed rows beside the rows themselves, by the kind of the rows; and the
augmentations of images: agreed on seeds, private on private rows.

Amounts are fractions of the image's side, so that a view of an 8×8 digit is as moderate as one of a
28×28 digit.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.choices import Choices
from fedh2l.error import FedH2LError
from fedh2l.rows import kind_of

Images = Float[np.ndarray, "n channels height width"]
View = Callable[[np.ndarray, np.random.Generator], np.ndarray]
# From rows to as many mixtures of two: which other row is in each, and the share of the one.
Mixing = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray, np.ndarray]]


def unchanged(
    x: Shaped[np.ndarray, "n ..."], rng: np.random.Generator
) -> Shaped[np.ndarray, "n ..."]:
    """The rows themselves; they need not be images."""
    return x


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


def shift(x: Images, rng: np.random.Generator) -> Images:
    """Every image moved by whole pixels, up to 1/14 of its side (±2 of 28), zeros behind it."""
    check_images(x)
    most = [max(1, round(side / 14)) for side in x.shape[2:]]
    dy, dx = (rng.integers(-m, m + 1, len(x))[:, None] for m in most)
    rows, columns = (np.arange(side)[None] for side in x.shape[2:])
    return _gather(
        x, (rows - dy)[:, :, None].astype(np.float32), (columns - dx)[:, None, :].astype(np.float32)
    )


def geometry(x: Images, rng: np.random.Generator) -> Images:
    """Moderate geometry: shift ±7 %, rotation ±12°, scale ±12 %, shear ±0.1, elastic displacement
    of ±5 % of the side.
    """
    check_images(x)
    n, _, h, w = x.shape
    u = rng.uniform(-1, 1, (5, n))
    angle, scale, shear = np.deg2rad(12) * u[0], 1 + 0.12 * u[1], 0.1 * u[2]
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    # output pixel -> input pixel, about the centre: rotation/scale times shear, then the shift
    y, x_ = _from_centre(h, w)
    a = np.stack([cos, cos * shear + sin, -sin, cos - sin * shear]).astype(np.float32)[
        :, :, None, None
    ]
    wobble = _elastic(rng.uniform(-1, 1, (2, n, 5, 5)).astype(np.float32), h, w)
    ys = (
        a[0] * y
        + a[1] * x_
        + wobble[0] * (0.05 * h)
        + ((h - 1) / 2 + 0.07 * h * u[3])[:, None, None].astype(np.float32)
    )
    xs = (
        a[2] * y
        + a[3] * x_
        + wobble[1] * (0.05 * w)
        + ((w - 1) / 2 + 0.07 * w * u[4])[:, None, None].astype(np.float32)
    )
    return _gather(x, ys, xs)


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
        "swap": "fedh2l.table_views:swap",
        "words": "fedh2l.text_views:drop_words",
    },
)
MIXTURES: Choices[Mixing] = Choices(
    "kind of rows with mixtures",
    {
        "images": "fedh2l.views:cutmix",
        "table": "fedh2l.table_views:cutmix_columns",
        "text": "fedh2l.text_views:join_spans",
    },
)
VIEWS_OF: dict[str, tuple[str, ...]] = {
    "images": ("geometry", "shift"),
    "table": ("swap",),
    "text": ("words",),
    "numbers": (),
}
# Views of texts have not been measured: nobody gets them unasked.
DEFAULT_VIEW: dict[str, str] = {
    "images": "geometry",
    "table": "swap",
    "text": "none",
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


@cache
def _from_centre(h: int, w: int) -> np.ndarray:
    """Each pixel's (y, x) from the centre of the image."""
    return (
        np.mgrid[:h, :w].astype(np.float32)
        - np.array([(h - 1) / 2, (w - 1) / 2], np.float32)[:, None, None]
    )


@cache
def _ramp(side: int, knots: int) -> np.ndarray:
    """Linear interpolation from `knots` control points to `side` pixels, as a matrix."""
    at = np.linspace(0, knots - 1, side)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(knots))).astype(np.float32)


def _elastic(knots: np.ndarray, h: int, w: int) -> np.ndarray:
    return _ramp(h, knots.shape[2]) @ knots @ _ramp(w, knots.shape[3]).T


def _gather(x: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Bilinear samples at (ys, xs), zero outside."""
    n, c, h, w = x.shape
    # + 1: a border of zeros.
    ys, xs = np.broadcast_arrays(np.clip(ys, -1, h) + 1, np.clip(xs, -1, w) + 1)
    # Intp: what `take` would convert to, four times.
    top, left = ys.astype(np.intp), xs.astype(np.intp)
    fy, fx = ys - top, xs - left
    corner = top * (w + 3) + left + (np.arange(n) * ((h + 3) * (w + 3)))[:, None, None]
    corners = [corner + beside for beside in (0, 1, w + 3, w + 4)]
    framed = np.zeros((n, h + 3, w + 3), np.float32)
    out = np.empty((n, c, h, w), np.float32)
    for k in range(c):
        framed[:, 1:-2, 1:-2] = x[:, k]
        # Clip: no check, none is needed.
        upper, upper_right, lower, lower_right = (framed.take(at, mode="clip") for at in corners)
        upper += fx * (upper_right - upper)
        lower += fx * (lower_right - lower)
        out[:, k] = upper + fy * (lower - upper)
    return out
