"""Federations of vectors, as .npz files for `fedh2l run --data`: what do mixtures of their values
bring? (docs/worth.md)

python benchmarks/vectors.py FOLDER [--heart FOLDER] [--drawn FOLDER]. Embeddings need the packages
that benchmarks/backbones.py names, and a folder of drawn images.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

from fedh2l.data.heart_disease import HeartDisease

EACH = 40  # images of a shape and style


def write(path: Path, x: np.ndarray, y: np.ndarray, domain: np.ndarray) -> None:
    np.savez(path, x=x.astype(np.float32), y=y, domain=domain)


def scaled(columns: np.ndarray) -> np.ndarray:
    """Every column with mean 0 and standard deviation 1."""
    return (columns - columns.mean(0)) / (columns.std(0) + 1e-6)


def digits(path: Path) -> None:
    """Pixels of digits: clean, inverted, noisy, moved by two, the lower half darkened."""
    rng = np.random.default_rng(0)
    x, y = map(np.asarray, load_digits(return_X_y=True))
    images = x.reshape(-1, 8, 8) / 16
    place = rng.permutation(len(y)) % 5
    shifts = {
        "clean": images,
        "inverted": 1 - images,
        "noisy": images + rng.normal(0, 0.3, images.shape),
        "moved": np.roll(images, 2, 2),
        "halved": np.where(np.arange(8)[:, None] < 4, images, 0.2 * images),
    }
    shifted = np.stack(list(shifts.values()))[place, np.arange(len(y))]
    write(path, shifted.reshape(len(y), -1), y, np.array(list(shifts))[place])


def breast_cancer(path: Path) -> None:
    """Thirty measurements of tumours, by the quarter in which one of them lies."""
    x, y = map(np.asarray, load_breast_cancer(return_X_y=True))
    quarter = np.argsort(np.argsort(x[:, 1])) * 4 // len(y)
    write(path, scaled(x), y, np.array(["q0", "q1", "q2", "q3"])[quarter])


def heart_disease(path: Path, files: Path) -> None:
    """The columns of four hospitals as plain numbers: categories by their order, what is missing
    the median.
    """
    data = HeartDisease(data_dir=files).load(4, 0)
    seeds = data.seed_set
    assert seeds.owners is not None and seeds.labels is not None
    parts = [(seeds.x, seeds.labels, seeds.owners.astype(str))]
    for name, domain in data.domains.items():
        parts += [(np.asarray(x), y, np.full(len(y), name)) for x, y in domain]
    table, y, hospital = (np.concatenate(part) for part in zip(*parts, strict=True))
    columns: list[np.ndarray] = []
    for name in table.dtype.names or ():
        column = table[name]
        if column.dtype.kind == "U":
            column = np.unique(column, return_inverse=True)[1]
        column = column.astype(np.float32)
        columns.append(np.where(np.isnan(column), np.nanmedian(column), column))
    write(path, scaled(np.stack(columns, 1)), y, hospital)


def embeddings(path: Path, drawn: Path) -> None:
    """What one pretrained network, the same for all, makes of drawn images of four styles."""
    from PIL import Image

    from backbones import backbone

    files = [
        (style.name, number, file)
        for style in sorted(drawn.iterdir())
        for number, shape in enumerate(sorted(style.iterdir()))
        for file in sorted(shape.iterdir())[:EACH]
    ]
    images = [np.asarray(Image.open(file).convert("RGB"), np.float32) for *_, file in files]
    x = backbone(0, 64)(np.stack(images).transpose(0, 3, 1, 2) / 255)
    write(path, x, np.array([n for _, n, _ in files]), np.array([style for style, *_ in files]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--heart", type=Path, help="UCI's files of heart disease")
    parser.add_argument("--drawn", type=Path, help="images by benchmarks/drawn_images.py")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    digits(out / "digits.npz")
    breast_cancer(out / "breast.npz")
    if arguments.heart is not None:
        heart_disease(out / "heart.npz", arguments.heart)
    if arguments.drawn is not None:
        embeddings(out / "embed.npz", arguments.drawn)


if __name__ == "__main__":
    main()
