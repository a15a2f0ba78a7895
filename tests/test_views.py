import numpy as np
import pytest

from fedh2l import warp
from fedh2l.views import VIEWS, View, bold, cutmix, geometry, shift

RNG = np.random.default_rng


def disc(n: int = 50, side: int = 28) -> np.ndarray:
    """A bright disc in the middle of each image."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.repeat((x**2 + y**2 < (side / 4) ** 2)[None, None], n, 0).astype(np.float32)


@pytest.mark.parametrize("view", [shift, geometry, bold])
@pytest.mark.parametrize("shape", [(4, 1, 28, 28), (3, 3, 8, 8), (2, 1, 10, 20)])
def test_shape_type_and_range_are_kept(view: View, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random(shape, np.float32)
    out = view(x, np.random.default_rng(1))
    assert out.shape == shape
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6


def test_a_shift_moves_whole_pixels_and_no_further_than_promised() -> None:
    x = np.zeros((200, 1, 28, 28), np.float32)
    x[:, 0, 14, 14] = 1
    out = shift(x, np.random.default_rng(0))
    assert (out.sum((1, 2, 3)) == 1).all()
    _, _, rows, columns = np.nonzero(out)
    assert {*rows} == {*columns} == set(range(12, 17))


def test_geometry_is_moderate_and_different_for_every_image() -> None:
    x = disc()
    out = geometry(x, np.random.default_rng(0))
    assert (out != out[0]).any((1, 2, 3))[1:].all()
    assert 0.7 < out.sum() / x.sum() < 1.4  # scale ±12 %: the area stays about the same
    overlap = (out * x).sum((1, 2, 3)) / x.sum((1, 2, 3))
    assert overlap.min() > 0.5


def test_bold_views_change_the_thickness_of_strokes() -> None:
    x = disc(400)
    out = bold(x, np.random.default_rng(0))
    area, moderate = (view.sum((1, 2, 3)) / x[0].sum() for view in (out, geometry(x, RNG(0))))
    assert area.std() > 1.5 * moderate.std()
    overlap = (out * x).sum((1, 2, 3)) / x.sum((1, 2, 3))
    assert overlap.min() > 0.3
    # Of a small image a neighbour is a larger part, and strokes change less.
    small, unbent = disc(400, 8), geometry(disc(400, 8), RNG(0))
    assert bold(small, RNG(0)).sum((1, 2, 3)).std() < 3 * unbent.sum((1, 2, 3)).std()


def test_no_view_is_the_image_itself() -> None:
    x = disc(3)
    assert VIEWS["none"](x, np.random.default_rng(0)) is x


def test_a_mixture_is_a_rectangle_of_another_image() -> None:
    x = np.arange(20, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 14, 14), np.float32)
    out, other, share = cutmix(x, np.random.default_rng(0))
    for i in range(20):
        assert set(np.unique(out[i])) <= {float(i), float(other[i])}
        if other[i] != i:
            np.testing.assert_allclose((out[i] == i).mean(), share[i], atol=1e-6)
    assert 0.4 < share.mean() < 0.95


def test_a_view_is_the_same_to_the_last_bit_however_many_images_are_moved_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.random.default_rng(0).random((33, 3, 17, 23), dtype=np.float32)
    whole = VIEWS["geometry"](x, np.random.default_rng(1))
    monkeypatch.setattr(warp, "PIXELS", 1000)
    np.testing.assert_array_equal(VIEWS["geometry"](x, np.random.default_rng(1)), whole)
