"""Data for experiments: a file per family of data sets, each giving `FederatedData`."""

from typing import TYPE_CHECKING

from fedh2l.choices import Choices

if TYPE_CHECKING:
    from fedh2l.data.domains import DataSet

DATASETS: "Choices[type[DataSet]]" = Choices(
    "data",
    {
        "digits": "fedh2l.data.digits:Digits",
        "rotated-mnist": "fedh2l.data.rotated_mnist:RotatedMnist",
        "skewed-mnist": "fedh2l.data.skewed_mnist:SkewedMnist",
    },
)
