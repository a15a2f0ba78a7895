"""A folder of images with a subfolder per class: grey or colour, square, with values in [0, 1]."""

import struct
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedh2l.data.own_rows import OwnRows, check_size
from fedh2l.error import FedH2LError

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
MOST_SIDE = 2048
SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # beside those that start with a dot


class Files(NamedTuple):
    images: list[Path]
    notes: tuple[str, ...]  # what was left out


def read_images(path: Path, side: int, colour: bool) -> OwnRows:
    """Every image, scaled to side × side; its class is the name of its folder."""
    try:
        from PIL import Image
    except ImportError as error:
        raise FedH2LError("a folder of images needs Pillow: pip install pillow") from error
    if not 1 <= side <= MOST_SIDE:
        raise FedH2LError(f"--side is {side}; it must be 1 to {MOST_SIDE}")
    images, notes = _files(path)
    channels = 3 if colour else 1
    check_size(path, (len(images), channels, side, side))

    unreadable = (OSError, SyntaxError, ValueError, EOFError, struct.error, MemoryError)
    x = np.empty((len(images), channels, side, side), np.float32)
    for row, file in zip(x, images, strict=True):
        try:
            with Image.open(file) as image:
                row[...] = _pixels(image, file, side, colour)
        except FedH2LError:
            raise
        except (*unreadable, Image.DecompressionBombError) as error:
            raise FedH2LError(f"{file}: not an image that can be read ({error})") from error
    return OwnRows(x, np.array([f.parent.name for f in images]), notes=notes)


def _files(path: Path) -> Files:
    """The images in the order of classes and names, and what else lies there."""
    images: list[Path] = []
    others: Counter[str] = Counter()
    hidden = beside = 0
    for folder in sorted(path.iterdir(), key=lambda f: f.name):
        if _hidden(folder):
            hidden += 1
        elif not folder.is_dir():
            beside += 1
        else:
            mine, unread, concealed = _of_class(folder)
            images += mine
            others += unread
            hidden += concealed
    if not images:
        raise FedH2LError(
            f"{path}: no images there; it needs a subfolder per class with "
            f"{', '.join(sorted(IMAGES))} in it"
        )
    left_out = [f"{n} {kind}" for kind, n in sorted(others.items())]
    left_out += [f"{hidden} hidden files or folders"] if hidden else []
    left_out += [f"{beside} files beside the folders of classes"] if beside else []
    return Files(images, tuple(f"{path}: left out {what}" for what in left_out))


def _of_class(folder: Path) -> tuple[list[Path], Counter[str], int]:
    """One class: its images, what else there is by kind, and how many files are hidden."""
    images: list[Path] = []
    others: Counter[str] = Counter()
    hidden = 0
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if _hidden(file):
            hidden += 1
        elif file.is_dir():
            inside = sum(f.is_file() for f in file.rglob("*"))
            others[f"files in the nested folder {folder.name}/{file.name}"] += inside
        elif file.suffix.lower() in IMAGES:
            images.append(file)
        else:
            others[f"files {folder.name}/*{file.suffix or ' without a suffix'}"] += 1
    # A class that is left out entirely would be missed by nobody until the first round.
    if not images:
        inside = ", ".join(others) or "nothing"
        raise FedH2LError(
            f"{folder}: no image in this class ({inside}); put its images "
            f"({', '.join(sorted(IMAGES))}) into the folder itself, or remove it"
        )
    return images, others, hidden


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name in SYSTEM_FILES


def _pixels(image: "Image", file: Path, side: int, colour: bool) -> np.ndarray:
    """(channels, side, side) in [0, 1], the right way up."""
    from PIL import ImageOps

    frames = getattr(image, "n_frames", 1)
    # A telephone's .jpg (MPO) holds a preview besides; any other sequence has no one image to take.
    if frames > 1 and image.format != "MPO":
        raise FedH2LError(f"{file}: {frames} frames or pages; save the one that is meant")
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "F" or upright.mode.startswith("I"):
        grey = _deep_grey(upright, file, side)
        return np.repeat(grey[None], 3 if colour else 1, axis=0)

    shown = _on_white(upright).convert("RGB" if colour else "L").resize((side, side))
    pixels = np.asarray(shown, np.float32) / 255
    return pixels.transpose(2, 0, 1) if colour else pixels[None]


def _deep_grey(image: "Image", file: Path, side: int) -> np.ndarray:
    """Grey of more than 8 bits: whole numbers of 16 bits, or floating point from 0 to 1."""
    from PIL import Image

    values = np.asarray(image, np.float32)
    most = 1.0 if image.mode == "F" else 65535.0
    # NaN compares false, too.
    if not (values.min() >= 0 and values.max() <= most):
        raise FedH2LError(
            f"{file}: values {values.min():g} to {values.max():g}, expected 0 to {most:g}; scale "
            "them, or save 8 bits"
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
