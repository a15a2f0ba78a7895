"""What named trees and forests see of an image: a split looks at one number, and a pixel alone says
little.
"""

import numpy as np
from jaxtyping import Float32

from fedh2l.warp import Images

SIDE, EDGES = 32, 16  # most pixels a side, of the image itself and of its edges


def image_features(x: Images) -> Float32[np.ndarray, "rows features"]:
    """The pixels, and how much darker or lighter their neighbours to the right and below are; of
    large images the means of square blocks.
    """
    coarse = _blocks(x, EDGES)
    edges = np.diff(coarse, axis=3), np.diff(coarse, axis=2)
    return np.concatenate([a.reshape(len(x), -1) for a in (_blocks(x, SIDE), *edges)], 1)


def _blocks(x: Images, most: int) -> Float32[np.ndarray, "rows channels _ _"]:
    """Means of square blocks, at most so many a side; at an edge a block is what is left."""
    blocks, side = x.astype(np.float32), -(-max(x.shape[2:]) // most)
    if side == 1:
        return blocks
    for axis in (2, 3):
        starts = np.arange(0, x.shape[axis], side)
        widths = np.diff(starts, append=x.shape[axis]).astype(np.float32)
        sums = np.add.reduceat(blocks, starts, axis=axis)
        blocks = sums / (widths if axis == 3 else widths[:, None])
    return blocks
