"""Images drawn for benchmarks and tests: ten shapes in four styles, a folder per style and shape.

Of each style every image is drawn anew: place, size, turn, colours and texture are random. The
shift between styles is one of texture and not of geometry, as it is between photographs, sketches
and paintings.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 64
Points = list[tuple[float, float]]


def polygon(corners: int, inner: float = 1.0, turn: float = 0.0) -> Points:
    """A regular polygon about the origin; with `inner` < 1 a star of as many points."""
    count = corners if inner == 1.0 else 2 * corners
    points: Points = []
    for i in range(count):
        radius = 1.0 if i % 2 == 0 else inner
        angle = turn + 2 * math.pi * i / count
        points.append((radius * math.sin(angle), -radius * math.cos(angle)))
    return points


def heart() -> Points:
    """A heart, from its well-known parametric curve."""
    points: Points = []
    for t in np.linspace(0, 2 * math.pi, 40):
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((math.sin(t) ** 3, -y / 16))
    return points


def moon() -> Points:
    """A crescent: an arc, and back along a flatter one."""
    outer = [(math.sin(a), -math.cos(a)) for a in np.linspace(0, math.pi, 20)]
    return outer + [(0.4 * math.sin(a), -math.cos(a)) for a in np.linspace(math.pi, 0, 20)]


SHAPES: dict[str, Points] = {
    "arrow": [(0, -1), (0.8, 0), (0.3, 0), (0.3, 1), (-0.3, 1), (-0.3, 0), (-0.8, 0)],
    "bolt": [(0.2, -1), (-0.6, 0.2), (-0.05, 0.2), (-0.3, 1), (0.6, -0.2), (0.05, -0.2)],
    "circle": polygon(40),
    "cross": polygon(4, 0.35, math.pi / 4),
    "heart": heart(),
    "hexagon": polygon(6),
    "moon": moon(),
    "square": polygon(4, turn=math.pi / 4),
    "star": polygon(5, 0.4),
    "triangle": polygon(3),
}


def placed(points: Points, rng: np.random.Generator) -> Points:
    """The shape somewhere in the image, turned by up to 40°, of a size of its own."""
    size = rng.uniform(0.22, 0.4) * SIDE
    middle = SIDE / 2 + rng.uniform(-0.1, 0.1, 2) * SIDE
    angle = math.radians(rng.uniform(-40, 40))
    cos, sin = math.cos(angle), math.sin(angle)
    return [
        (middle[0] + size * (cos * x - sin * y), middle[1] + size * (sin * x + cos * y))
        for x, y in points
    ]


def colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def texture(rng: np.random.Generator, blur: float) -> Image.Image:
    """Coloured noise, coarse or fine."""
    noise = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(blur))


def photograph(points: Points, rng: np.random.Generator) -> Image.Image:
    """A filled shape with a shadow before a blurred, coloured ground."""
    ground = Image.blend(
        texture(rng, 4), Image.new("RGB", (SIDE, SIDE), colour(rng)), float(rng.uniform(0.3, 0.7))
    )
    draw = ImageDraw.Draw(ground)
    draw.polygon([(x + 3, y + 3) for x, y in points], fill=colour(rng, 0, 60))
    draw.polygon(points, fill=colour(rng, 60))
    return Image.blend(ground, texture(rng, 1), 0.15)


def sketch(points: Points, rng: np.random.Generator) -> Image.Image:
    """A trembling pencil line on white paper, drawn twice."""
    paper = Image.new("RGB", (SIDE, SIDE), (250, 250, 245))
    draw = ImageDraw.Draw(paper)
    for _ in range(2):
        line = [(x + rng.normal(0, 0.8), y + rng.normal(0, 0.8)) for x, y in points]
        draw.line([*line, line[0]], fill=(60, 60, 70), width=1)
    return paper


def chalk(points: Points, rng: np.random.Generator) -> Image.Image:
    """Hatched in light colour on a dark board."""
    board = Image.new("RGB", (SIDE, SIDE), colour(rng, 10, 50))
    inside = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(inside).polygon(points, fill=255)
    hatched = Image.new("RGB", (SIDE, SIDE), colour(rng, 10, 50))
    draw = ImageDraw.Draw(hatched)
    light = colour(rng, 170)
    for start in range(-SIDE, SIDE, 4):
        draw.line([(start, 0), (start + SIDE, SIDE)], fill=light, width=1)
    board.paste(hatched, mask=inside)
    return board


def mosaic(points: Points, rng: np.random.Generator) -> Image.Image:
    """Large tiles in two families of colours."""
    tiles = SIDE // 4
    picture = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(picture).polygon(points, fill=255)
    inside = np.asarray(picture.resize((tiles, tiles)), np.float32)[..., None] / 255
    one, other = np.array(colour(rng, 0, 120)), np.array(colour(rng, 130))
    colours = inside * one + (1 - inside) * other + rng.normal(0, 25, (tiles, tiles, 3))
    small = Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8))
    return small.resize((SIDE, SIDE), Image.Resampling.NEAREST)


STYLES: dict[str, Callable[[Points, np.random.Generator], Image.Image]] = {
    "photograph": photograph,
    "sketch": sketch,
    "chalk": chalk,
    "mosaic": mosaic,
}


def drawn(style: str, shape: str, rng: np.random.Generator) -> Image.Image:
    """One image of 64 × 64 in colour."""
    return STYLES[style](placed(SHAPES[shape], rng), rng)


def write_folder(folder: Path, each: int, seed: int = 0) -> None:
    """`each` images of every shape in every style, as <folder>/<style>/<shape>/<number>.png."""
    for i, style in enumerate(STYLES):
        for j, shape in enumerate(SHAPES):
            rng = np.random.default_rng([seed, i, j])
            place = folder / style / shape
            place.mkdir(parents=True, exist_ok=True)
            for number in range(each):
                drawn(style, shape, rng).save(place / f"{number:04d}.png")
