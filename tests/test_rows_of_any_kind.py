"""Seed rows that are tables or texts: agreed on to the byte, kept in a file, compared with private
ones.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.numpy import save_file

from fedh2l.data.seedset_about import about, differences
from fedh2l.data.seedset_file import load_columns, load_seed_set, save_seed_set
from fedh2l.error import FedH2LError
from fedh2l.record.raw_types import packed, unpacked
from fedh2l.rows import checked_rows, kind_of
from fedh2l.seed_rows import feature_rows
from fedh2l.seedset import SeedSet
from raw_rows import clinic, seeds_of, texts

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
words = st.text(characters, max_size=6)
numbers = st.floats(width=32, allow_infinity=False)
names = st.text(characters, min_size=1, max_size=4)


@st.composite
def any_rows(draw: st.DrawFn) -> np.ndarray:
    """Numbers, images, texts or a table of columns of both kinds."""
    rows = draw(st.integers(1, 5))
    kind = draw(st.sampled_from(["numbers", "images", "text", "table"]))
    if kind in ("numbers", "images"):
        shape = (rows, 2) if kind == "numbers" else (rows, 1, 2, 3)
        dtype = draw(st.sampled_from(["<f4", "<f8", "<i2", "u1", ">f4"]))
        finite = {"allow_nan": False, "allow_infinity": False} if "f" in dtype else {}
        return draw(npst.arrays(dtype, shape, elements=finite))
    if kind == "text":
        return np.array(draw(st.lists(words, min_size=rows, max_size=rows)))

    columns = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    lists = [
        draw(st.lists(draw(st.sampled_from([words, numbers])), min_size=rows, max_size=rows))
        for _ in columns
    ]
    arrays = [np.array(values) for values in lists]
    table = np.empty(rows, [(n, a.dtype) for n, a in zip(columns, arrays, strict=True)])
    for name, array in zip(columns, arrays, strict=True):
        table[name] = array
    return table


@given(any_rows())
def test_rows_of_every_kind_are_the_same_to_the_byte_after_a_file(
    tmp_path_factory: pytest.TempPathFactory, x: np.ndarray
) -> None:
    path = tmp_path_factory.mktemp("seeds") / "s"
    seeds = SeedSet(x, ("a", "b"))
    save_seed_set(seeds, path)
    again = load_seed_set(path)
    assert again.digest == seeds.digest
    assert again.x.dtype.newbyteorder("=") == seeds.x.dtype.newbyteorder("=")
    assert again.x.tolist() == seeds.x.tolist() or kind_of(x) == "table"
    assert differences(seeds, again) == []


@given(any_rows())
def test_the_digest_is_of_the_content_and_not_of_the_form(x: np.ndarray) -> None:
    seeds = SeedSet(x, ("a", "b"))
    assert SeedSet(seeds.x, ("a", "b")).digest == seeds.digest
    assert SeedSet(x.astype(x.dtype.newbyteorder()), ("a", "b")).digest == seeds.digest
    if kind_of(x) == "text":
        assert SeedSet(x.astype("U40"), ("a", "b")).digest == seeds.digest


@given(any_rows())
def test_state_of_every_kind_is_packed_and_unpacked(x: np.ndarray) -> None:
    taken = feature_rows(x)
    tensors, types = packed({"x": taken, "n": np.array(3)})
    assert all(a.dtype.kind in "fiub" for a in tensors.values())
    again = unpacked(tensors, json.loads(json.dumps(types)))
    assert again["x"].tobytes() == np.ascontiguousarray(taken).tobytes()


def test_a_renamed_column_and_another_order_are_other_seed_sets() -> None:
    x = clinic()
    renamed = x.astype([("years", "f4"), *x.dtype.descr[1:]])
    reordered = x[["sex", "age", "dose"]]
    assert len({seeds_of(rows).digest for rows in (x, renamed, reordered)}) == 3
    assert any("columns" in s for s in differences(seeds_of(x), seeds_of(renamed)))


def test_kinds_are_told_apart() -> None:
    images = np.zeros((2, 1, 4, 4), np.float32)
    series = np.zeros((2, 3, 5))
    kinds = [kind_of(rows) for rows in (np.zeros((2, 3)), series, images, clinic(), texts())]
    assert kinds == ["vectors", "numbers", "images", "table", "text"]


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        (np.array(["a", None], object), "astype.str"),
        (np.array([["a", "b"]]), r"text of shape \(1, 2\)"),
        (np.zeros(3, [("t", "M8[s]")]), "column 't' is of type datetime64"),
        (np.zeros(3, [("t", "O")]), "column 't' is of type object"),
        (np.zeros(3, [("t", "f4", 2)]), "column 't' is of type float32"),
        (np.zeros((3, 2), [("t", "f4")]), r"a table of shape \(3, 2\)"),
        (np.array([(1.0,), (np.inf,)], [("t", "f4")]), "column 't' is infinite in row 1"),
        (np.array([0, 0xD800], np.uint32).view("U1"), "row 1 is not text"),
    ],
)
def test_rows_that_are_of_no_kind_are_refused_in_words(x: Any, complaint: str) -> None:
    with pytest.raises(FedH2LError, match=f"seed set: .*{complaint}"):
        feature_rows(x)


def test_a_model_without_a_function_that_makes_numbers_names_it() -> None:
    y = np.arange(30) % 2
    with pytest.raises(FedH2LError, match=r"a table of 3 columns.*featurise="):
        checked_rows((clinic(30), y))
    with pytest.raises(FedH2LError, match=r"texts.*featurise="):
        checked_rows((texts(), y))
    assert kind_of(checked_rows((clinic(30), y), raw=True)[0]) == "table"
    assert checked_rows((texts().tolist(), y), raw=True)[0].tolist() == texts().tolist()


@pytest.mark.parametrize(
    "types",
    [{"x": "O"}, {"x": "<U0"}, {"x": [["a", "|O"]]}, {"x": "<U9999999999"}, {"x": "<U7"}, 3],
)
def test_a_file_whose_types_are_no_types_is_refused(tmp_path: Path, types: Any) -> None:
    save_seed_set(seeds_of(texts()), tmp_path / "s")
    about_it = {
        "classes": ["a", "b"],
        "view": "none",
        "every": 1,
        "mixtures": False,
        "owners": None,
        "digest": "",
        "types": types,
    }
    tensors = {"x": np.zeros((3, 4), np.uint8)}
    save_file(tensors, tmp_path / "bad", {"fedh2l": json.dumps(about_it)})
    with pytest.raises(FedH2LError, match="not a seed set"):
        load_seed_set(tmp_path / "bad")


def test_what_is_in_a_seed_set_is_told_in_words(tmp_path: Path) -> None:
    assert about(seeds_of(clinic()))["row"] == "(3,): 2 columns of numbers, 1 of categories"
    assert "a text of up to" in about(seeds_of(texts()))["row"]
    save_seed_set(seeds_of(clinic()), tmp_path / "s")
    assert load_columns(tmp_path / "s") == ["age", "sex", "dose"]


def test_missing_values_are_alike_and_other_values_are_told_by_row() -> None:
    x = clinic()
    assert differences(seeds_of(x), seeds_of(x.copy())) == []
    other = x.copy()
    other["dose"][0], other["sex"][4] = 3.5, "x"
    (sentence,) = differences(seeds_of(x), seeds_of(other))
    assert sentence == "examples: 2 rows differ, the first is row 0"
