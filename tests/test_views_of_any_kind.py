"""Questions about tables and texts: of values and words that occur, agreed without a word."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedh2l.data.domains import Domain, FederatedData
from fedh2l.data.own_data import OwnFile
from fedh2l.error import FedH2LError
from fedh2l.seedset import SeedSet
from fedh2l.simulation.build import data_of
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.parts import Views
from fedh2l.table_views import cutmix_columns, cutmix_values, swap
from fedh2l.tables import names_of
from fedh2l.text_views import drop_words, join_spans
from raw_rows import clinic, seeds_of, texts, with_scores


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Value by value; a missing one is like a missing one."""
    return (a == b) | ((a != a) & (b != b))


@given(st.integers(0, 50))
def test_a_swapped_value_is_one_of_the_same_column(seed: int) -> None:
    x = clinic(seed=seed)
    swapped = swap(x, rng(seed))
    assert swapped.dtype == x.dtype
    for name in names_of(x):
        # As text, in which a missing value is equal to itself.
        assert set(swapped[name].astype(str).tolist()) <= set(x[name].astype(str).tolist())


def test_about_one_value_in_seven_is_swapped() -> None:
    x = clinic(2000)
    changed = 1 - equal(swap(x, rng())["age"], x["age"]).mean()
    assert 0.12 < changed < 0.18


def test_half_of_the_columns_of_a_mixture_are_of_another_row() -> None:
    x = with_scores(clinic(50))  # nine columns: four are taken
    mixed, other, share = cutmix_columns(x, rng())
    assert share.tolist() == pytest.approx([5 / 9] * 50)
    own = np.sum([equal(mixed[name], x[name]) for name in names_of(x)], axis=0)
    its = np.sum([equal(mixed[name], x[name][other]) for name in names_of(x)], axis=0)
    assert (own >= 5).all() and (its >= 4).all()
    assert (own < 9).any()


def test_half_of_the_values_of_a_mixed_vector_are_of_another_row() -> None:
    x = rng(2).normal(size=(50, 9)).astype(np.float32)
    mixed, other, share = cutmix_values(x, rng())
    assert mixed.dtype == x.dtype and share.tolist() == pytest.approx([5 / 9] * 50)
    assert ((mixed == x) | (mixed == x[other])).all()
    moved = other != np.arange(50)
    assert ((mixed != x)[moved].sum(1) == 4).all() and moved.any()
    # Which values differs from row to row; indices of tokens stay such.
    assert len(np.unique((mixed != x)[moved], axis=0)) > 10
    assert cutmix_values(np.arange(12).reshape(3, 4), rng())[0].dtype.kind == "i"


def test_words_are_left_out_and_never_all_of_them() -> None:
    x = np.array([*texts(200).tolist(), "", "one"])
    shorter = drop_words(x, rng())
    kept = [len(text.split()) for text in shorter.tolist()[:-2]]
    assert 0.8 < np.mean(kept) / 12 < 0.9
    assert shorter.tolist()[-2:] == ["", "one"]
    pairs = zip(shorter.tolist(), x.tolist(), strict=True)
    assert all(set(short.split()) <= set(text.split()) for short, text in pairs)


def test_a_joined_text_begins_as_the_one_and_ends_as_the_other() -> None:
    x = np.array(["a b c d", "p q", "z", ""])
    joined, other, share = join_spans(x, rng(1))
    words = [text.split() for text in x.tolist()]
    for i, text in enumerate(joined.tolist()):
        its = words[int(other[i])]
        head, tail = words[i][: (len(words[i]) + 1) // 2], its[(len(its) + 1) // 2 :]
        assert text.split() == head + tail
        assert share[i] == pytest.approx(len(head) / max(1, len(head + tail)))


@pytest.mark.parametrize(
    ("x", "view"), [(clinic(), "swap"), (texts(), "words"), (rng().random((30, 5)), "none")]
)
def test_questions_are_pure_in_seed_set_and_round(x: np.ndarray, view: str) -> None:
    here, there = (seeds_of(x.copy(), view=view, mixtures=True) for _ in range(2))
    assert here.rows(3).tobytes() == there.rows(3).tobytes()
    assert here.rows(3).tobytes() != here.rows(4).tobytes()
    assert len(here.question(3).x) == here.asked == 2 * len(x)
    soft = here.soft_labels(3)
    assert soft is not None
    np.testing.assert_allclose(soft.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "view", "complaint"),
    [
        (clinic(), "shift", "view 'shift' is not one of table; use 'swap' or 'none'"),
        (texts(), "swap", "view 'swap' is not one of text; use 'words' or 'none'"),
        (np.zeros((4, 1, 8, 8)), "words", "use 'geometry' or 'bold' or 'shift' or 'none'"),
        (np.zeros((4, 3)), "swap", "view 'swap' is not one of vectors; use 'none'"),
        (np.zeros((4, 3, 5)), "swap", "views and mixtures need images"),
    ],
)
def test_a_view_of_another_kind_of_rows_is_refused(
    x: np.ndarray, view: str, complaint: str
) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        seeds_of(x, view=view)


def test_the_view_of_an_experiment_is_that_of_its_data() -> None:
    resolved = Experiment().resolved()
    assert resolved.views.view == "geometry"
    assert data_of(resolved).seed_set.view == "geometry"
    with pytest.raises(FedH2LError, match="view 'swap' is not one of images; use --view geometry"):
        Experiment(views=Views(view="swap")).resolved()


@dataclass(frozen=True, kw_only=True)
class Clinics:
    """Tables of two sites."""

    models = ("forest", "logistic")
    rounds: ClassVar[int] = 2
    mixtures = True
    baselines: ClassVar[bool] = False
    kind = "table"

    domains: int | None = 2

    def names(self, domains: int) -> list[str]:
        return ["oslo", "rome"][:domains]

    def load(self, domains: int, seed: int) -> FederatedData:
        rows = clinic(40), np.arange(40) % 2
        sites = {name: Domain(rows, rows, rows) for name in self.names(domains)}
        return FederatedData(sites, seeds_of(clinic(seed=seed)))


def test_tables_are_swapped_and_mixed_where_nobody_says_otherwise() -> None:
    resolved = Experiment(data=Clinics()).resolved()
    seeds = data_of(resolved).seed_set
    assert (seeds.view, seeds.mixtures) == ("swap", True)
    off = Experiment(data=Clinics(), views=Views(views=False)).resolved()
    assert data_of(off).seed_set.view == "none"
    with pytest.raises(FedH2LError, match="view 'words' is not one of table; use --view swap"):
        Experiment(data=Clinics(), views=Views(view="words")).resolved()


def test_vectors_are_mixed_where_nobody_says_otherwise_and_other_arrays_are_not(
    tmp_path: Path,
) -> None:
    def seeds_of_file(x: np.ndarray, views: Views) -> SeedSet:
        np.savez(tmp_path / "mine.npz", x=x, y=np.arange(len(x)) % 2)
        own = OwnFile(data=str(tmp_path / "mine.npz"), domains=2)
        return data_of(Experiment(data=own, views=views).resolved()).seed_set

    vectors, series = rng().random((80, 6)), rng().random((80, 2, 6))
    mixed = seeds_of_file(vectors, Views())
    assert (mixed.view, mixed.mixtures, mixed.asked) == ("none", True, 2 * len(mixed))
    for off in (Views(mixtures=False), Views(views=False)):
        assert not seeds_of_file(vectors, off).mixtures
    with pytest.raises(FedH2LError, match="view 'swap' is not one of vectors; leave it out"):
        seeds_of_file(vectors, Views(view="swap"))

    assert not seeds_of_file(series, Views()).mixtures
    with pytest.raises(FedH2LError, match="--mixtures means nothing for data that have no views"):
        seeds_of_file(series, Views(mixtures=True))
