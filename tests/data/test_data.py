import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fedh2l.data import DATASETS
from fedh2l.data.digits import Digits, digits
from fedh2l.data.domains import FederatedData
from fedh2l.data.idx import load_mnist
from fedh2l.data.rotate import rotated
from fedh2l.data.rotated_mnist import RotatedMnist
from fedh2l.data.skewed_mnist import SkewedMnist
from fedh2l.data.split import split_seeds
from fedh2l.error import FedH2LError


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim])
        + np.array(array.shape, ">u4").tobytes()
        + array.astype(np.uint8).tobytes()
    )


def small_mnist(folder: Path, train: int = 2500, test: int = 600) -> Path:
    """Files in MNIST's own format: every image is of one grey, so that it can be told from all
    others.
    """
    rng = np.random.default_rng(0)
    for part, n in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (n, 28, 28))
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), 1))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(n) % 10))
    return folder


def parts(data: FederatedData) -> list[np.ndarray]:
    """Every set of images that must share no image with another."""
    return [data.seed_set.x] + [
        getattr(d, part)[0]
        for d in data.domains.values()
        for part in ("train", "validation", "test")
    ]


def keys(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in x}


def assert_disjoint(sets: list[np.ndarray]) -> None:
    assert sum(len(keys(x)) for x in sets) == len(set.union(*map(keys, sets)))


def test_digits_are_disjoint_and_whole() -> None:
    data = digits(domains=5, seed=0, seed_share=0.1)
    assert list(data.domains) == ["rot00", "rot19", "rot38", "rot56", "rot75"]
    assert_disjoint(parts(data))
    assert sum(len(x) for x in parts(data)) == 1797
    assert data.seed_set.labels is not None
    assert set(data.seed_set.labels) == set(range(10))
    assert data.seed_set.owners is not None
    assert set(data.seed_set.owners) == set(data.domains)


def test_the_split_follows_the_seed() -> None:
    one, same, other = (
        digits(domains=3, seed=s, seed_share=0.1).seed_set.digest for s in (1, 1, 2)
    )
    assert one == same != other


def test_seeds_are_taken_out_of_the_private_rows_class_by_class() -> None:
    x, y = np.arange(100.0), np.repeat([0, 1], [90, 10])
    kept, (sx, sy, owners) = split_seeds({"a": (x, y)}, 0.1, np.random.default_rng(0))
    assert sorted([*kept["a"][0], *sx]) == list(x)
    assert list(np.bincount(sy)) == [5, 5]
    assert set(owners) == {"a"}


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    x = np.random.default_rng(0).random((2, 1, 9, 9), np.float32)
    np.testing.assert_allclose(rotated(x, 90.0)[0, 0], np.rot90(x[0, 0]), atol=1e-5)
    assert rotated(x, 0.0) is x


def test_pooled_is_everything_private_and_the_labelled_seeds() -> None:
    data = digits(domains=3, seed=0, seed_share=0.1)
    private = sum(len(d.train[1]) for d in data.domains.values())
    assert len(data.pooled(labelled=True)[1]) == private + len(data.seed_set)
    assert len(data.pooled(labelled=False)[1]) == private


def test_rotated_mnist_from_idx_files_gzipped_or_not(tmp_path: Path) -> None:
    data = RotatedMnist(rows=500, data_dir=small_mnist(tmp_path)).load(3, 0)
    assert list(data.domains) == ["rot00", "rot15", "rot30"]
    assert_disjoint(parts(data))
    assert len(data.seed_set) == 75
    assert len(data.domains["rot30"].train[1]) == 475
    assert len(data.domains["rot00"].test[1]) == 200


def test_a_sweep_too_finds_the_folder_that_the_environment_names(tmp_path: Path) -> None:
    settings = ["rows=300", "domains=2", "rounds=1", 'peers=["logistic"]', "views=false"]
    flags = ["--methods", "alone", "--data", "rotated-mnist", "digits", "--seeds", "1"]
    flags += [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run(
        [sys.executable, "-m", "fedh2l", "sweep", *flags, "--out", str(tmp_path / "s")],
        capture_output=True,
        text=True,
        env=os.environ | {"FEDH2L_DATA": str(small_mnist(tmp_path)), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert len((tmp_path / "s" / "cells.csv").read_text().splitlines()) == 3


def test_test_images_come_from_the_test_file(tmp_path: Path) -> None:
    folder = small_mnist(tmp_path)
    data = RotatedMnist(rows=500, data_dir=folder).load(3, 0)
    train, test = (keys(x) for x, _ in load_mnist(folder))
    upright = data.domains["rot00"]  # not turned, so its images can be compared
    assert keys(upright.train[0]) <= train
    assert keys(upright.validation[0]) <= train
    assert keys(upright.test[0]) <= test


def test_skewed_mnist_gives_each_peer_its_own_proportions(tmp_path: Path) -> None:
    data = SkewedMnist(rows=500, data_dir=small_mnist(tmp_path)).load(4, 0)
    assert_disjoint([data.seed_set.x] + [d.train[0] for d in data.domains.values()])
    for d in data.domains.values():
        train, test = (
            np.bincount(part[1], minlength=10) / len(part[1]) for part in (d.train, d.test)
        )
        assert np.abs(train - test).sum() < 0.5
        assert train.max() > 0.2  # skewed: uniform would be 0.1


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_names_its_domains_before_it_is_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # a data set that fetched would find none
    most = DATASETS[name].__dataclass_fields__["domains"].metadata["most"]
    for domains in (n for n in (1, 2, 4, 5, 6, 80) if n <= most):
        names = DATASETS[name]().names(domains)
        assert len(set(names)) == domains


def test_eighty_rotations_of_digits_are_eighty_peers() -> None:
    names = Digits().names(80)
    assert (names[0], names[1], names[-1]) == ("rot00.0", "rot00.9", "rot75.0")
    assert list(Digits(seed_share=0.3).load(80, 0).domains) == names


@pytest.mark.parametrize("domains", [-1, 0, 180, 100_000])
def test_more_domains_than_the_data_have_are_refused(tmp_path: Path, domains: int) -> None:
    folder = small_mnist(tmp_path)
    for data in (Digits(), RotatedMnist(data_dir=folder), SkewedMnist(data_dir=folder)):
        with pytest.raises(FedH2LError, match=f"{domains} domains; there can be 1 to "):
            data.load(domains, 0)


def test_more_rows_than_the_files_hold_are_refused(tmp_path: Path) -> None:
    folder = small_mnist(tmp_path)
    for kind in (RotatedMnist, SkewedMnist):
        with pytest.raises(FedH2LError, match=r"2500 training images.*ask for fewer"):
            kind(rows=2400, data_dir=folder).load(2, 0)


def test_a_seed_share_too_small_for_an_example_of_every_class_is_refused() -> None:
    with pytest.raises(FedH2LError, match=r"has no .; it needs .* raise --seed-share"):
        Digits(seed_share=0.001).load(5, 0)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("digits", "seed_share", 1.0),
        ("digits", "seed_share", float("nan")),
        ("digits", "domains", 0),
        ("rotated-mnist", "rows", 0),
        ("skewed-mnist", "rows", 3),
        ("skewed-mnist", "alpha", 0.0),
        ("skewed-mnist", "alpha", 1e-300),
    ],
)
def test_a_field_out_of_bounds_is_refused_by_its_name(name: str, field: str, value: object) -> None:
    with pytest.raises(FedH2LError, match=f"{field} is "):
        DATASETS[name](**{field: value})


def test_the_real_mnist(mnist: Path) -> None:
    data = RotatedMnist(data_dir=mnist).load(6, 0)
    assert len(data.seed_set) == 300
    assert [len(d.train[1]) for d in data.domains.values()] == [950] * 6
    assert [len(d.test[1]) for d in data.domains.values()] == [1500] * 6
    assert_disjoint(parts(data))
