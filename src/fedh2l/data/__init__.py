"""Data for experiments: a file per family of data sets, each giving `FederatedData`."""

from pathlib import Path
from typing import TYPE_CHECKING

from fedh2l.choices import Choices
from fedh2l.own_code import is_own_code

if TYPE_CHECKING:
    from fedh2l.data.domains import DataSet

DATASETS: "Choices[type[DataSet]]" = Choices(
    "data",
    {
        "digits": "fedh2l.data.digits:Digits",
        "rotated-mnist": "fedh2l.data.rotated_mnist:RotatedMnist",
        "heart-disease": "fedh2l.data.heart_disease:HeartDisease",
        "skewed-mnist": "fedh2l.data.skewed_mnist:SkewedMnist",
    },
)


def dataset_of(name: str) -> "type[DataSet]":
    """The data set of this name in `DATASETS`, or the class of those that are a file, folder or
    function of the user's: the name is then its field `data`.

    Raises FedH2LError with the near miss where it is neither.
    """
    if is_own_code(name):
        from fedh2l.data.own_function import OwnFunction

        return OwnFunction
    # A word without a dot or slash that is nowhere on the disk is a misspelt name.
    if name not in DATASETS and (Path(name).exists() or any(c in name for c in "./\\:")):
        from fedh2l.data.own_data import OwnFile

        return OwnFile
    return DATASETS[name]


def name_of(data: "DataSet") -> str:
    """The name by which `dataset_of` knows it."""
    own: str | None = getattr(data, "data", None)
    return DATASETS.name_of(type(data)) if own is None else own
