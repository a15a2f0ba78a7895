"""Folders of images as domains: what the levels of folders say, official parts, and odd files."""

import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clinic import loaded, refusal
from fedh2l import FedH2L, run, stored_rows
from fedh2l.data.domains import FederatedData
from fedh2l.data.own_data import OwnFile
from fedh2l.metrics import scores
from fedh2l.simulation.build import data_of, peers_of
from fedh2l.simulation.experiment import Experiment
from fedh2l.stored_rows import RowArray, StoredRows

DOMAINS, CLASSES = ("art", "photo", "sketch", "toy"), ("cat", "dog")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def save(path: str, pixels: Any, **options: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path, **options)


def grey(path: str) -> int:
    """A grey that only this image has, or nearly so."""
    return zlib.crc32(path.encode()) % 250 + 3


def save_grey(path: str) -> None:
    save(path, np.full((8, 8), grey(path), np.uint8))


def greys(rows: RowArray) -> list[int]:
    return sorted(round(255 * float(row.mean())) for row in np.asarray(rows))


def folder(*levels: tuple[str, ...], each: int = 12) -> None:
    places = [""]
    for level in levels:
        places = [f"{place}/{name}" for place in places for name in level]
    for place in places:
        for i in range(each):
            save_grey(f"im{place}/{i}.png")


def everything(data: FederatedData, domain: str) -> list[int]:
    owners = data.seed_set.owners
    assert owners is not None
    parts = [x for x, _ in data.domains[domain]] + [data.seed_set.x[owners == domain]]
    return greys(np.concatenate(parts))


def test_the_first_level_of_folders_is_the_domain_and_the_second_the_class() -> None:
    folder(DOMAINS, CLASSES)
    data = loaded("im", side=8)
    assert list(data.domains) == list(DOMAINS)
    assert data.seed_set.classes == CLASSES
    for domain in DOMAINS:
        expected = [grey(f"im/{domain}/{c}/{i}.png") for c in CLASSES for i in range(12)]
        assert everything(data, domain) == sorted(expected)


def test_one_site_folder_has_classes_only() -> None:
    folder(CLASSES, each=30)
    data = loaded("im", side=8, domains=2)
    assert list(data.domains) == ["part0", "part1"]
    assert data.seed_set.x.shape[1:] == (1, 8, 8)


@pytest.mark.parametrize("first", [True, False])
def test_folders_that_are_called_train_and_test_are_the_parts(first: bool) -> None:
    parts = ("train", "val", "test")
    folder(*((parts, DOMAINS) if first else (DOMAINS, parts)), CLASSES, each=5)
    data = loaded("im", side=8)
    assert list(data.domains) == list(DOMAINS)
    below = "im/test/art" if first else "im/art/test"
    assert greys(data.domains["art"].test[0]) == sorted(
        grey(f"{below}/{c}/{i}.png") for c in CLASSES for i in range(5)
    )


def test_lists_of_the_official_parts_are_followed() -> None:
    folder(DOMAINS, CLASSES)
    for domain in DOMAINS:
        train = [f"{domain}/{c}/{i}.png {n}" for n, c in enumerate(CLASSES) for i in range(8)]
        test = [f"{domain}/{c}/{i}.png {n}" for n, c in enumerate(CLASSES) for i in (8, 9, 10)]
        Path(f"im/{domain}_train.txt").write_text("\n".join(train))
        Path(f"im/{domain}_test.txt").write_text("\n".join(test))
    data = loaded("im", side=8)
    for domain, parts in data.domains.items():
        expected = [grey(f"im/{domain}/{c}/{i}.png") for c in CLASSES for i in (8, 9, 10)]
        assert greys(parts.test[0]) == sorted(expected)
        assert len(everything(data, domain)) == 22
    assert any("left out 8 rows that are in no part" in note for note in data.notes)

    Path("im/art_test.txt").write_text("art/cat/0.png 0")
    assert "art/cat/0.png is in another part" in refusal("im", side=8)


def test_odd_files_have_the_right_pixels_or_are_left_out_and_named() -> None:
    folder(DOMAINS, CLASSES)
    ramp = np.linspace(0, 1, 64).reshape(8, 8)
    eight = (ramp * 255).astype(np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    rgb = np.repeat(eight[..., None], 3, axis=2)
    save("im/art/cat/a_rgba.png", np.dstack([rgb, np.full((8, 8), 255, np.uint8)]))
    save("im/art/cat/b_grey.png", eight)
    save("im/art/cat/c_16bit.png", (ramp * 65535).astype(np.uint16))
    save("im/art/cat/d_turned.png", eight[::-1, ::-1].copy(), exif=turned)
    Image.fromarray(rgb).convert("CMYK").save("im/art/cat/e_cmyk.tif")
    save("im/art/cat/f_huge.png", np.kron(eight, np.ones((200, 200), np.uint8)))
    save("im/art/cat/g_tiny.png", np.array([[77]], np.uint8))
    frames = [Image.new("L", (8, 8), value) for value in (0, 200)]
    frames[0].save("im/art/dog/moving.webp", save_all=True, append_images=frames[1:])
    Path("im/art/dog/broken.png").write_bytes(Path("im/art/dog/0.png").read_bytes()[:50])
    Path("im/art/dog/empty.jpg").write_bytes(b"")
    Path("im/art/dog/link.png").symlink_to("nowhere.png")
    save_grey("im/art/.hidden/1.png")
    save_grey("im/art/cat/deeper/1.png")

    data = loaded("im", side=8)
    owners = data.seed_set.owners
    assert owners is not None
    art = [x for x, _ in data.domains["art"]] + [data.seed_set.x[owners == "art"]]
    rows = np.concatenate(art)[:, 0]
    as_ramp = [np.abs(row - ramp).max() < 0.02 for row in rows]
    assert sum(as_ramp) == 6
    assert greys(rows).count(77) >= 1
    told = " ".join(data.notes)
    assert "left out 3 images that cannot be read: art/dog/broken.png" in told
    for name in ("art/dog/empty.jpg", "art/dog/moving.webp (2 frames"):
        assert name in told
    assert "left out 1 files art/dog/*.png" in told  # the link
    assert "left out 1 hidden files or folders" in told
    assert "left out 1 files in the nested folder art/cat/deeper" in told
    assert "broken.png: not an image that can be read" in refusal("im", side=8, strict=True)


def test_colour_has_three_channels() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 0] = 255
    folder(CLASSES, each=20)
    for i in range(20):
        save(f"im/cat/{i}.png", pixels)
    x = loaded("im", side=8, colour=True, domains=2).domains["part0"].train
    np.testing.assert_array_equal(x[0][x[1] == 0][0].mean((1, 2)), [1, 0, 0])


def test_images_that_would_not_fit_in_memory_stay_on_disk_and_are_the_same_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder(DOMAINS, CLASSES, each=30)
    whole = loaded("im", side=8, colour=True)
    monkeypatch.setattr(stored_rows, "IN_MEMORY", 1000)
    shutil.copytree("im", "again")
    stored = loaded("again", side=8, colour=True)

    assert any("on disk, a byte per value" in note for note in stored.notes)
    assert stored.digest == whole.digest
    for name, domain in whole.domains.items():
        for kept, on_disk in zip(domain, stored.domains[name], strict=True):
            assert isinstance(on_disk[0], StoredRows)
            np.testing.assert_array_equal(np.asarray(on_disk[0]), kept[0])
            np.testing.assert_array_equal(on_disk[0][[2, 0]], kept[0][[2, 0]])
    pooled, expected = stored.pooled(labelled=True), whole.pooled(labelled=True)
    assert isinstance(pooled[0], StoredRows)
    np.testing.assert_array_equal(np.asarray(pooled[0]), expected[0])


@pytest.mark.parametrize("model", ["lenet", "forest"])
def test_a_model_learns_the_same_from_images_on_disk(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(("art", "toy"), CLASSES, each=40)
    said: list[np.ndarray] = []
    shutil.copytree("im", "again")
    for name in ("im", "again"):
        if name == "again":
            monkeypatch.setattr(stored_rows, "IN_MEMORY", 1000)
        experiment = Experiment(
            data=OwnFile(data=name, side=8), peers=(model,), rounds=2
        ).resolved()
        data = data_of(experiment)
        peers = peers_of(experiment, data, experiment.names)
        for _ in run(FedH2L(steps=2), peers, rounds=2):
            pass
        said.append(peers[0].posteriors(data.seed_set.x))
        assert scores(peers[0].learner, "art", {n: d.test for n, d in data.domains.items()})
    np.testing.assert_array_equal(said[0], said[1])


def test_a_disk_without_room_for_the_images_is_said_beforehand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder(CLASSES, each=10)
    monkeypatch.setattr(stored_rows, "IN_MEMORY", 1000)
    usage = shutil.disk_usage(".")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "set TMPDIR to a folder with more room" in refusal("im", side=8)
