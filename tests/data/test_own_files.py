"""Arrays, tables and images are read to the value, or refused before anything is allocated."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy
from PIL import Image

from fedh2l.cli import main
from fedh2l.data.seedset_file import load_seed_set
from fedh2l.seedset import SeedSet

X = np.random.default_rng(0).random((30, 4))
Y = np.arange(30) % 3


def built() -> SeedSet:
    return load_seed_set(Path("seeds.safetensors"))


def save_image(path: str, pixels: np.ndarray, **options: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


# --- arrays


def npz(path: str, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    data = io.BytesIO()
    npy.write_array_header_1_0(data, {"descr": kind, "fortran_order": False, "shape": shape})
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (header((10**12, 4)), "its header promises"),
        (header((2, 2)) + b"1", "its header promises"),
        (header((0, 4)), "found (0, 4)"),
        (b"text", "not arrays that can be read"),
        (b"", "not arrays that can be read"),
        (header((1, 1), "<c8") + bytes(8), "not numbers"),
        (header((1, 1), "<U1") + bytes(4), "not numbers"),
    ],
)
def test_arrays_are_refused_before_anything_is_allocated_for_them(
    seedset_build: Callable[..., Any], data: bytes, complaint: str
) -> None:
    assert complaint in seedset_build(npz("d.npz", x=data))


def test_an_archive_that_is_none_is_refused(seedset_build: Callable[..., Any]) -> None:
    Path("zero.npz").write_bytes(b"")
    np.save("a.npy", X)
    Path("a.npy").rename("npy.npz")
    np.savez("named.npz", features=X, y=Y)
    assert "not arrays" in seedset_build("zero.npz")
    assert "not arrays" in seedset_build("npy.npz")
    assert "it holds features, y" in seedset_build("named.npz")


@pytest.mark.parametrize("kind", ["f8", "f2", "u1", "i8", "?", ">f4"])
def test_arrays_of_any_number_and_order_are_read_to_the_value(
    seedset_build: Callable[..., Any], kind: str
) -> None:
    x = (np.random.default_rng(0).random((30, 5, 4)) * 200).astype(kind)
    for order in ("C", "F"):
        np.savez_compressed("d.npz", x=np.asarray(x, order=order), y=Y, more=Y)
        assert "more" in seedset_build("d.npz", "--overwrite")["notes"][-1]
        np.testing.assert_array_equal(built().x, x.astype(np.float32))


# --- tables


def write_table(path: str, columns: dict[str, Any], index: str | None = None) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra tables")
    from pyarrow import parquet, table  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    written = table(columns)
    if index:
        about = json.dumps({"index_columns": [index]})
        written = written.replace_schema_metadata({"pandas": about})
    parquet.write_table(written, path)


@pytest.mark.parametrize("index", ["__index_level_0__", "patient", "Unnamed: 0"])
def test_the_index_that_pandas_writes_is_no_feature(
    seedset_build: Callable[..., Any], index: str
) -> None:
    write_table("t.parquet", {"a": X[:, 0], "label": Y, index: np.arange(30)}, index)
    answer = seedset_build("t.parquet")
    assert answer["row"].startswith("(1,): 1 columns of numbers") and index in answer["notes"][0]


def test_columns_are_joined_by_name(
    seedset_build: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    write_table("a.parquet", {"age": X[:, 0], "dose": X[:, 1], "label": Y})
    write_table("b.parquet", {"label": Y, "dose": X[:, 1], "age": X[:, 0]})
    seedset_build("a.parquet", "b.parquet")
    seeds = built()
    np.testing.assert_array_equal(seeds.x[:30], seeds.x[30:])
    with pytest.raises(SystemExit, match="1"):  # a table of my own is compared by name as well
        main(["seedset", "check", "seeds.safetensors", "--private", "b.parquet"])
    capsys.readouterr()

    write_table("c.parquet", {"age": X[:, 0], "weight": X[:, 1], "label": Y})
    assert "column 'dose' is not in both" in seedset_build("a.parquet", "c.parquet", "--overwrite")
    assert "did you mean 'label'" in seedset_build("a.parquet", "--label", "labels", "--overwrite")


# --- images


def test_images_of_every_depth_are_read_from_0_to_1(seedset_build: Callable[..., Any]) -> None:
    ramp = np.linspace(0, 1, 400).reshape(20, 20)
    for name in "ab":
        save_image(f"im/{name}/1.png", (ramp * 255).astype(np.uint8))
        save_image(f"im/{name}/2.png", (ramp * 65535).astype(np.uint16))
        save_image(f"im/{name}/3.tif", ramp.astype(np.float32))
    seedset_build("im", "--side", "20")
    x = built().x
    np.testing.assert_allclose(x, np.broadcast_to(ramp, x.shape), atol=1 / 255)

    save_image("im/a/4.tif", (ramp * 255).astype(np.float32))
    told = seedset_build("im", "--overwrite")["notes"]
    assert (
        "left out 1 images that cannot be read: a/4.tif (values 0 to 255, expected 0 to 1"
        in told[-1]
    )
    assert "4.tif: not an image" in seedset_build("im", "--overwrite", "--strict")


def test_an_image_is_the_right_way_up_and_transparent_pixels_are_white(
    seedset_build: Callable[..., Any],
) -> None:
    half = np.zeros((8, 8), np.uint8)
    half[:4] = 255
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    save_image("im/a/1.png", half[::-1, ::-1].copy(), exif=turned)
    clear = np.dstack([np.zeros((8, 8, 3), np.uint8), 255 - half])
    save_image("im/b/1.png", clear)
    seedset_build("im", "--side", "8")
    np.testing.assert_array_equal(built().x[:, 0], np.stack([half, half]) / 255)


def test_what_a_folder_holds_besides_is_told(seedset_build: Callable[..., Any]) -> None:
    grey = np.full((8, 8), 99, np.uint8)
    names = ("cat/1.png", "dog/1.png", ".ipynb_checkpoints/1.png", "cat/._1.png")
    for name in (*names, "cat/2.gif", "cat/more/1.png", "notes.png"):
        save_image(f"im/{name}", grey)
    answer = seedset_build("im")
    assert answer["classes"] == {"cat": 1, "dog": 1}
    told = "; ".join(answer["notes"])
    assert ".ipynb" not in told
    for what in ("2 hidden", "1 files cat/*.gif", "folder cat/more", "1 files beside"):
        assert what in told

    save_image("im/bird/batch1/1.png", grey)
    assert "bird: no image in this class" in seedset_build("im", "--overwrite")


def test_an_image_of_several_frames_is_left_out_or_refused(
    seedset_build: Callable[..., Any],
) -> None:
    frames = [Image.new("L", (8, 8), grey) for grey in (0, 200)]
    for name in "ab":
        save_image(f"im/{name}/1.png", np.zeros((8, 8), np.uint8))
    frames[0].save("im/a/2.tif", save_all=True, append_images=frames[1:])
    assert "a/2.tif (2 frames or pages" in seedset_build("im")["notes"][-1]
    assert "2.tif: not an image that can be read (2 frames" in seedset_build(
        "im", "--strict", "--overwrite"
    )


@pytest.mark.parametrize("side", ["0", "-3", "100000"])
def test_a_side_that_no_image_has_is_refused(seedset_build: Callable[..., Any], side: str) -> None:
    for name in "ab":
        save_image(f"im/{name}/1.png", np.zeros((8, 8), np.uint8))
    assert f"--side is {side}" in seedset_build("im", "--side", side)
