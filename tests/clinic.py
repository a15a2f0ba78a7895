"""A small table of a clinic's, written as a file and loaded as a data set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedh2l.data.domains import FederatedData
from fedh2l.error import FedH2LError
from fedh2l.simulation.settings import compose

RNG = np.random.default_rng(0)
SITES = ("oslo", "rome", "São Paulo")


def write_csv(name: str, columns: dict[str, Any], separator: str = ",") -> str:
    lines = [separator.join(columns)]
    lines += [separator.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def clinic(rows: int = 120, **more: Any) -> dict[str, Any]:
    """Every row has a number of its own, so that it can be told from all others."""
    return {
        "key": [i + 0.5 for i in range(rows)],
        "age": RNG.normal(60, 10, rows).round(1),
        "site": [SITES[i % 3] for i in range(rows)],
        "risk": [("high", "low")[i // 3 % 2] for i in range(rows)],
    } | more


def loaded(file: str, seed: int = 0, **settings: Any) -> FederatedData:
    experiment = compose({"data": file, "seed": seed} | settings).resolved()
    return experiment.data.load(experiment.domains, seed)


def keys(x: np.ndarray) -> list[float]:
    """The first column: which rows these are."""
    return (x[x.dtype.names[0]] if x.dtype.names else x[:, 0]).tolist()


def refusal(file: str, **settings: Any) -> str:
    with pytest.raises(FedH2LError) as caught:
        loaded(file, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message
