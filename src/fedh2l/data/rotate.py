"""Images turned by an angle: how one data set becomes several domains."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import rotate

from fedh2l.warp import Images


def rotated(x: Images, degrees: float) -> Float[np.ndarray, "n channels height width"]:
    """Every image turned about its centre, bilinear, zeros behind it."""
    if not degrees:
        return x
    return np.asarray(rotate(x, degrees, axes=(3, 2), reshape=False, order=1), np.float32)
