"""Images moved, turned and bent; strokes made thicker and thinner. Amounts are fractions of the
image's side.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Real

Images = Float[np.ndarray, "n channels height width"]
Degrees = Real[np.ndarray, " n"]
PIXELS = 2**21  # of a channel that are moved at a time: on the way each takes a hundred bytes


def largest_neighbour(x: Images) -> Images:
    """Of each pixel the largest of the 3×3 pixels about it."""
    for axis in (2, 3):
        wide = np.pad(x, [(0, 0)] * axis + [(1, 1)] + [(0, 0)] * (3 - axis), mode="edge")
        side = x.shape[axis]
        parts = [np.take(wide, np.arange(start, start + side), axis) for start in range(3)]
        x = np.maximum(np.maximum(parts[0], parts[1]), parts[2])
    return x


def deformed(
    x: Images,
    rng: np.random.Generator,
    *,
    turn: float,
    size: float,
    slant: float,
    elastic: float,
    degrees: Degrees | None = None,
) -> Images:
    """Every image shifted by up to 7 %, turned (degrees), scaled, sheared and elastically displaced
    by up to these amounts; and turned by its `degrees`, so that its pixels are sampled but once.
    """
    n, _, h, w = x.shape
    u = rng.uniform(-1, 1, (5, n))
    angle, scale, shear = np.deg2rad(turn) * u[0], 1 + size * u[1], slant * u[2]
    if degrees is not None:
        angle = angle + np.deg2rad(degrees)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    # output pixel -> input pixel, about the centre: rotation/scale times shear, then the shift
    y, x_ = _from_centre(h, w)
    a = np.stack([cos, cos * shear + sin, -sin, cos - sin * shear]).astype(np.float32)[
        :, :, None, None
    ]
    knots = rng.uniform(-1, 1, (2, n, 5, 5)).astype(np.float32)
    shift = np.stack([(h - 1) / 2 + 0.07 * h * u[3], (w - 1) / 2 + 0.07 * w * u[4]])
    shift = shift[:, :, None, None].astype(np.float32)

    moved = np.empty(x.shape, np.float32)
    step = max(1, PIXELS // (h * w))
    for block in (slice(start, start + step) for start in range(0, n, step)):
        wobble = _elastic(knots[:, block], h, w)
        ys = a[0, block] * y + a[1, block] * x_ + wobble[0] * (elastic * h) + shift[0, block]
        xs = a[2, block] * y + a[3, block] * x_ + wobble[1] * (elastic * w) + shift[1, block]
        moved[block] = gather(x[block], ys, xs)
    return moved


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


def gather(x: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
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


def turned(x: Images, degrees: Degrees) -> Images:
    """Every image turned about its centre by its angle, bilinear, zeros behind it."""
    h, w = x.shape[2:]
    angles = np.deg2rad(degrees)
    cos, sin = (f(angles).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    y, x_ = _from_centre(h, w)
    return gather(x, cos * y + sin * x_ + (h - 1) / 2, cos * x_ - sin * y + (w - 1) / 2)
