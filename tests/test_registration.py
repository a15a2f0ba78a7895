"""By how much peers' images are turned against each other: found where they are, nowhere else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from fedh2l.data.rotate import rotated
from fedh2l.data.seedset_about import about, differences
from fedh2l.data.seedset_file import load_seed_set, save_seed_set
from fedh2l.registration import angles, as_others_are
from fedh2l.seedset import SeedSet
from fedh2l.simulation.cells import Cell
from fedh2l.simulation.settings import compose
from fedh2l.simulation.simulate import Start, simulate
from fedh2l.views import VIEWS
from fedh2l.warp import turned

ANGLES = {"amber": 0, "birch": 25, "cedar": 70}


def digits(
    rows: int, by: dict[str, int], seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """So many digits, their labels, and their owners in turn, whose digits are turned."""
    pixels, labels = (np.asarray(a) for a in load_digits(return_X_y=True))
    pick = np.random.default_rng(seed).permutation(len(labels))[:rows]
    x = (pixels[pick].reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    owners = np.resize(np.array(list(by)), rows)
    for name, degrees in by.items():
        x[owners == name] = rotated(x[owners == name], float(degrees))
    return x, labels[pick], owners


def turned_set(*, labelled: bool = True) -> SeedSet:
    x, y, owners = digits(150, ANGLES)
    classes = tuple("0123456789")
    return SeedSet(x, classes, y if labelled else None, owners, "geometry", turned=True)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_angles_between_peers_are_found(labelled: bool, seed: int) -> None:
    x, y, owners = digits(150, ANGLES, seed)
    found = angles(x, y if labelled else None, owners)
    assert found.keys() == ANGLES.keys()
    for name, degrees in ANGLES.items():
        # Turning by the difference makes one owner's images like another's.
        assert abs(abs(found[name]) - degrees) <= 8, found
    assert found["cedar"] * found["birch"] > 0


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_images_that_are_not_turned_have_no_angle(labelled: bool, seed: int) -> None:
    x, y, owners = digits(150, dict.fromkeys(ANGLES, 0), seed)
    assert angles(x, y if labelled else None, owners) == {}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_other_classes_are_no_other_angle(seed: int) -> None:
    x, y, _ = digits(300, {"all": 0}, seed)
    owners = np.array(["low", "middle", "high"])[np.minimum(y // 3, 2)]
    assert angles(x, y, owners) == {}
    mostly = np.where(np.random.default_rng(seed).random(300) < 0.2, np.roll(owners, 1), owners)
    assert angles(x, y, mostly) == {}


def test_nothing_is_said_of_what_shows_nothing() -> None:
    rng = np.random.default_rng(0)
    noise = rng.random((120, 1, 16, 16)).astype(np.float32)
    owners = np.resize(np.array(["a", "b", "c", "d"]), 120)
    assert angles(noise, None, owners) == {}
    assert angles(np.zeros_like(noise), None, owners) == {}

    x, y, owners = digits(150, ANGLES)
    assert angles(x, y, None) == {}  # nobody knows whose the rows are
    assert angles(x.reshape(150, -1), y, owners) == {}  # no images
    assert angles(x, y, np.full(150, "amber")) == {}
    assert angles(x[:9], y[:9], owners[:9]) == {}  # three of each
    assert angles(x, y, np.arange(150).astype(str)) == {}


def test_an_owner_of_few_rows_is_left_out_and_the_others_are_not() -> None:
    x, y, owners = digits(150, ANGLES)
    owners = owners.astype("<U10")
    owners[:3] = "newcomer"
    assert angles(x, y, owners).keys() == ANGLES.keys()


def test_images_of_many_channels_and_pixels_are_compared_small() -> None:
    x, y, owners = digits(90, ANGLES)
    large = np.repeat(x.repeat(12, 2).repeat(12, 3), 3, 1)  # 3 × 96 × 96
    found = angles(large, y, owners)
    assert found.keys() == ANGLES.keys()
    assert abs(abs(found["cedar"]) - 70) <= 8


def test_every_second_image_is_turned_as_those_of_another_owner() -> None:
    _, _, owners = digits(300, ANGLES)
    known = {"amber": 0, "cedar": -70}
    degrees, to = as_others_are(owners, known, np.random.default_rng(1))

    moved = to != owners
    assert 0.15 < moved[owners != "birch"].mean() < 0.35  # of a half, a half draws itself
    assert not moved[owners == "birch"].any() and "birch" not in to[moved]
    assert set(degrees[~moved]) == {0}
    assert set(degrees[owners == "amber"]) == {0, -70}
    assert set(degrees[owners == "cedar"]) == {0, 70}


@pytest.mark.parametrize("view", ["none", "shift", "geometry", "bold"])
def test_every_view_of_images_turns_them(view: str) -> None:
    x, _, _ = digits(40, {"all": 0})
    there, back = (VIEWS[view](x, np.random.default_rng(1), np.full(40, d)) for d in (90, -90))
    upright = VIEWS[view](x, np.random.default_rng(1))
    assert np.abs(there - upright).mean() > 0.1 < np.abs(there - back).mean()
    if view == "none":
        np.testing.assert_array_equal(there, turned(x, np.full(40, 90)))


def test_turning_there_and_back_is_no_turn() -> None:
    x = np.zeros((1, 1, 33, 33), np.float32)
    x[0, 0, 10:20, 8:14] = 1
    there = turned(x, np.array([90.0]))
    np.testing.assert_allclose(turned(there, np.array([-90.0])), x, atol=1e-4)
    # A quarter of a turn moves every pixel onto one.
    assert np.allclose(there[0, 0], np.rot90(x[0, 0], 1), atol=1e-4) or np.allclose(
        there[0, 0], np.rot90(x[0, 0], -1), atol=1e-4
    )


@pytest.mark.parametrize("labelled", [True, False])
def test_questions_are_asked_in_the_look_of_others_the_same_on_every_peer(labelled: bool) -> None:
    here, there = turned_set(labelled=labelled), turned_set(labelled=labelled)
    assert here.digest == there.digest != replace(here, turned=False).digest
    asked = here.question(3)
    np.testing.assert_array_equal(asked.x, there.question(3).x)
    assert asked.owners is not None and here.owners is not None
    moved = asked.owners != here.owners
    assert 0.2 < moved.mean() < 0.5  # of a half, a third draws itself
    assert (asked.owners != here.question(4).owners).any()
    # Whose look a row has, its labels are its own.
    assert here.labels is None or (asked.labels == np.eye(10)[here.labels]).all()


def test_withheld_labels_tell_no_angle() -> None:
    x, y, owners = digits(150, ANGLES)
    withheld = turned_set().unlabelled()
    assert withheld.angles == angles(x, None, owners)
    assert turned_set().angles == angles(x, y, owners)


def test_the_file_of_a_seed_set_keeps_that_it_is_turned(tmp_path: Path) -> None:
    seeds = turned_set()
    save_seed_set(seeds, tmp_path / "seeds.safetensors")
    loaded = load_seed_set(tmp_path / "seeds.safetensors")
    assert loaded.turned and loaded.digest == seeds.digest
    assert loaded.angles == seeds.angles != {}
    assert differences(loaded, replace(seeds, turned=False)) == ["turned: True against False"]


def test_people_are_told_of_angles_that_nobody_asks_about() -> None:
    seeds = turned_set()
    assert "cedar by" in about(seeds)["turned"]
    assert "--turned" in about(replace(seeds, turned=False))["turned"]
    x, y, owners = digits(150, dict.fromkeys(ANGLES, 0))
    upright = SeedSet(x, seeds.classes, y, owners, "geometry")
    assert "turned" not in about(upright)
    assert "no images" in about(replace(upright, turned=True))["turned"]


def test_a_run_says_how_images_are_turned_and_asks_about_none_where_it_may_not() -> None:
    notes: dict[bool, tuple[str, ...]] = {}
    for told in (True, False):
        run = compose({"data": "digits", "rounds": 1, "peers": ["mlp"], "turned": told}).resolved()
        begun = next(iter(simulate([Cell("fedh2l", run, None)])))
        assert isinstance(begun, Start)
        notes[told] = begun.notes
    assert "rot75 by" in " ".join(notes[True])
    assert notes[False] == ()
