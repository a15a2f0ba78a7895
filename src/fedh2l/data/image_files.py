"""Which images a folder holds, and what its subfolders say of each: the class, and where there are
more levels, the domain and the part.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fedh2l.data.own_sites import part_of
from fedh2l.error import FedH2LError

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
SYSTEM_FILES = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # beside those that start with a dot
DEEPEST = 3  # levels of folders: domain, part and class


@dataclass(frozen=True)
class ImageFile:
    path: Path
    label: str
    domain: str = ""
    part: str = ""  # "": nothing says in which part it is


def find_images(root: Path) -> tuple[list[ImageFile], tuple[str, ...]]:
    """The images in the order of their names, and what was left out, in sentences.

    The last level of folders is the class: `<class>/*`, `<domain>/<class>/*`, and either with a
    level train, validation, test. Lists of the official parts, such as `rome_train.txt` or
    `test.txt` with a path a line, are followed. What is hidden or nested deeper is left out.
    """
    depth = _depth(root)
    folders = list(_folders_at(root, depth))
    levels = [{f.relative_to(root).parts[i] for f in folders} for i in range(depth - 1)]
    part_level = next((i for i, names in enumerate(levels) if _are_parts(names)), None)

    files: list[ImageFile] = []
    others: Counter[str] = Counter()
    for folder in folders:
        # What is left of the names is the domain, once class and part are taken out.
        *names, label = folder.relative_to(root).parts
        part = "" if part_level is None else part_of(names.pop(part_level)) or ""
        domain = "-".join(names)
        files += [ImageFile(f, label, domain, part) for f in _in_class(folder, root, others)]
    _count_besides(root, depth, others)
    notes = tuple(f"{root}: left out {n} {what}" for what, n in sorted(others.items()))
    return _by_lists(files, root), notes


def holds_images(root: Path) -> bool:
    """Whether there is an image where one would be looked for."""
    return any(next(_images_at(root, d), None) for d in range(1, DEEPEST + 1))


def _depth(root: Path) -> int:
    """How many levels of folders lie above the images."""
    for depth in range(1, DEEPEST + 1):
        if any(_images_at(root, depth)):
            return depth
    raise FedH2LError(
        f"{root}: no images there; it needs a subfolder per class with "
        f"{', '.join(sorted(IMAGES))} in it"
    )


def _images_at(root: Path, depth: int) -> Iterator[Path]:
    return (f for folder in _folders_at(root, depth) for f in _visible(folder) if _is_image(f))


def _folders_at(root: Path, depth: int) -> Iterator[Path]:
    if not depth:
        yield root
        return
    for folder in _visible(root):
        if folder.is_dir():
            yield from _folders_at(folder, depth - 1)


def _visible(folder: Path) -> list[Path]:
    return [f for f in sorted(folder.iterdir(), key=lambda f: f.name) if not _is_hidden(f)]


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name in SYSTEM_FILES


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGES and path.is_file()


def _are_parts(names: set[str]) -> bool:
    return len(names) > 1 and all(part_of(name) for name in names)


def _in_class(folder: Path, root: Path, others: Counter[str]) -> list[Path]:
    """The images of one class; what else lies there is counted by kind in `others`."""
    images: list[Path] = []
    here = folder.relative_to(root).as_posix()
    for file in _visible(folder):
        if file.is_dir():
            inside = sum(f.is_file() for f in file.rglob("*"))
            others[f"files in the nested folder {here}/{file.name}"] += inside
        elif _is_image(file):
            images.append(file)
        else:
            others[f"files {here}/*{file.suffix or ' without a suffix'}"] += 1
    # A class that is left out entirely would be missed by nobody until the first round.
    if not images:
        inside = ", ".join(what for what in others if what.split(" ")[-1].startswith(here))
        raise FedH2LError(
            f"{folder}: no image in this class ({inside or 'nothing'}); put its images "
            f"({', '.join(sorted(IMAGES))}) into the folder itself, or remove it"
        )
    return images


def _count_besides(root: Path, depth: int, others: Counter[str]) -> None:
    """What is hidden anywhere, and files above the folders of classes."""
    for level in range(depth + 1):
        for folder in _folders_at(root, level):
            hidden = sum(_is_hidden(f) for f in folder.iterdir())
            others["hidden files or folders"] += hidden
            if level < depth:
                beside = [f for f in _visible(folder) if f.is_file() and not _list_part(f)]
                others["files beside the folders of classes"] += len(beside)
    for what in ("hidden files or folders", "files beside the folders of classes"):
        if not others[what]:
            del others[what]


# --- official parts, as lists of paths


def _list_part(file: Path) -> str | None:
    """train.txt, rome_test.txt: the last word of the name is a part. None: it is no list."""
    word = file.stem.replace("-", "_").rpartition("_")[2]
    return part_of(word) if file.suffix == ".txt" else None


def _by_lists(files: list[ImageFile], root: Path) -> list[ImageFile]:
    """The images with the parts that lists in the root say. Where there is a list, an image that is
    in none is in no part.
    """
    lists = [f for f in _visible(root) if f.is_file() and _list_part(f)]
    if not lists:
        return files
    parts = _parts_by_path(lists)
    found = [replace(f, part=parts.get(f.path.relative_to(root).as_posix(), "")) for f in files]
    if not any(f.part for f in found):
        example = files[0].path.relative_to(root).as_posix()
        raise FedH2LError(
            f"{lists[0]}: names no image of {root}; a line is a path below it, such as {example}"
        )
    return found


def _parts_by_path(lists: list[Path]) -> dict[str, str]:
    parts: dict[str, str] = {}
    for file in lists:
        part = _list_part(file) or ""
        for path in _listed_in(file):
            if parts.setdefault(path, part) != part:
                raise FedH2LError(f"{file}: {path} is in another part by another list; correct one")
    return parts


def _listed_in(file: Path) -> Iterator[str]:
    """Paths, a line each; the number of the class may stand behind."""
    for line in file.read_text("utf-8").splitlines():
        path, _, number = line.strip().rpartition(" ")
        path = path.strip() if number.isdecimal() else line.strip()
        if path:
            yield path.removeprefix("./")
