"""A run warns where views change the images of a model that takes features of its own."""

from pathlib import Path

from fedh2l.simulation.cells import Cell
from fedh2l.simulation.settings import compose
from fedh2l.simulation.simulate import Start, simulate

MINE = """
from sklearn.linear_model import LogisticRegression
from fedh2l.learners.sklearn import SklearnLearner

def halved(x):
    return x[:, :, ::2, ::2].reshape(len(x), -1)

def with_features(seeds, rows, training):
    model = LogisticRegression(max_iter=50)
    return SklearnLearner(model, rows, len(seeds.classes), featurise=halved)

def plain(seeds, rows, training):
    return SklearnLearner(LogisticRegression(max_iter=50), rows, len(seeds.classes))
"""


def told(model: str, *, views: bool = True) -> str:
    settings = {"data": "digits", "rounds": 1, "peers": [model, "forest"], "views": views}
    begun = next(iter(simulate([Cell("fedh2l", compose(settings).resolved(), None)])))
    assert isinstance(begun, Start)
    return " ".join(begun.notes)


def test_who_takes_own_features_of_images_is_told_to_compare(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    mine = f"{tmp_path}/mine.py"
    assert "rot00: own features" in told(f"{mine}:with_features")
    assert "--no-views" in told(f"{mine}:with_features")
    assert "features" not in told(f"{mine}:with_features", views=False)
    # A forest by name has features, too, and sees its private images in views as well.
    assert "features" not in told(f"{mine}:plain")
