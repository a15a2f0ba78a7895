"""A folder of images with a subfolder per class: grey or colour, square, with values in [0, 1]."""

import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from fedh2l.data.image_files import ImageFile, find_images
from fedh2l.data.own_rows import OwnRows, listed
from fedh2l.error import FedH2LError
from fedh2l.record.units import size
from fedh2l.stored_rows import RowArray, StoredRows, rows_of

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_SIDE = 2048
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, MemoryError)


def read_images(path: Path, side: int, colour: bool, *, strict: bool = False) -> OwnRows:
    """Every image, scaled to side × side, with the class, and where there are any, domain and part
    that its folders say.

    An image that cannot be read is left out, counted and named; strict: it is refused.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise FedH2LError("a folder of images needs Pillow: pip install pillow") from error
    if not 1 <= side <= MOST_SIDE:
        raise FedH2LError(f"--side is {side}; it must be 1 to {MOST_SIDE}")
    files, notes = find_images(path)
    row = (3 if colour else 1, side, side)
    read: list[ImageFile] = []
    broken: list[str] = []

    def pixels() -> Iterator[Float32[np.ndarray, "channels side side"]]:
        """Of every image that can be read."""
        for file in files:
            try:
                with warnings.catch_warnings(), Image.open(file.path) as image:
                    # A huge image is scaled down like any other; beyond twice that it is refused.
                    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                    made = _pixels(image, side, colour)
            except (*UNREADABLE, Image.DecompressionBombError) as error:
                if strict:
                    raise FedH2LError(
                        f"{file.path}: not an image that can be read ({error})"
                    ) from error
                broken.append(f"{file.path.relative_to(path).as_posix()} ({error})")
                continue
            read.append(file)
            yield made

    x = rows_of(pixels(), len(files), row, str(path))
    where = "on disk, a byte per value" if isinstance(x, StoredRows) else "in memory"
    values = len(x) * int(np.prod(row)) * (1 if isinstance(x, StoredRows) else 4)
    told = f"{path}: {len(x)} images of {' × '.join(map(str, row))}, {size(values)} {where}"
    return _rows(path, x, read, (told, *notes, *_told(path, broken)))


def _rows(path: Path, x: RowArray, files: list[ImageFile], notes: tuple[str, ...]) -> OwnRows:
    if not files:
        raise FedH2LError(f"{path}: no image there can be read ({notes[-1]})")
    beside: dict[str, np.ndarray] = {}
    if any(file.domain for file in files):
        beside["domain"] = np.array([file.domain for file in files])
    if any(file.part for file in files):
        beside["split"] = np.array([file.part for file in files])
    return OwnRows(x, np.array([file.label for file in files]), notes=notes, beside=beside)


def _told(path: Path, broken: list[str]) -> list[str]:
    if not broken:
        return []
    return [f"{path}: left out {len(broken)} images that cannot be read: {listed(broken)}"]


def _pixels(image: "Image", side: int, colour: bool) -> np.ndarray:
    """(channels, side, side) in [0, 1], the right way up."""
    from PIL import ImageOps

    frames = getattr(image, "n_frames", 1)
    # A telephone's .jpg (MPO) holds a preview besides; any other sequence has no one image to take.
    if frames > 1 and image.format != "MPO":
        raise ValueError(f"{frames} frames or pages; save the one that is meant")
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "F" or upright.mode.startswith("I"):
        grey = _deep_grey(upright, side)
        return np.repeat(grey[None], 3 if colour else 1, axis=0)

    shown = _on_white(upright).convert("RGB" if colour else "L").resize((side, side))
    pixels = np.asarray(shown, np.float32) / 255
    return pixels.transpose(2, 0, 1) if colour else pixels[None]


def _deep_grey(image: "Image", side: int) -> np.ndarray:
    """Grey of more than 8 bits: whole numbers of 16 bits, or floating point from 0 to 1."""
    from PIL import Image

    values = np.asarray(image, np.float32)
    most = 1.0 if image.mode == "F" else 65535.0
    # NaN compares false, too.
    if not (values.min() >= 0 and values.max() <= most):
        raise ValueError(
            f"values {values.min():g} to {values.max():g}, expected 0 to {most:g}; scale them, or "
            "save 8 bits"
        )
    grey = Image.fromarray(values / np.float32(most))
    scaled = grey.resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(scaled, np.float32), 0, 1)


def _on_white(image: "Image") -> "Image":
    """Without transparency: what lies under it is white, as on a page."""
    from PIL import Image

    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return image.convert("RGB") if image.mode in ("CMYK", "YCbCr", "HSV", "LAB") else image
    opaque = image.convert("RGBA")
    page = Image.new("RGBA", opaque.size, (255, 255, 255, 255))
    return Image.alpha_composite(page, opaque).convert("RGB")
