"""Heart disease at four hospitals (Janosi, Steinbrunn, Pfisterer, Detrano, 1989): UCI's processed
files, from a folder or fetched once and checked.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from cyclopts import Parameter

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import FederatedData, check_domains
from fedh2l.data.fetched import fetched
from fedh2l.data.own_rows import OwnRows
from fedh2l.data.own_sites import Sites, sites_of
from fedh2l.data.own_split import federation_of
from fedh2l.error import FedH2LError

ARCHIVE = "https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/"
SHA256 = {
    "cleveland": "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
    "hungarian": "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796",
    "switzerland": "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314",
    "va": "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f",
}
HOSPITALS = tuple(SHA256)
NUMBER, CATEGORY = np.float32, "U1"
COLUMNS = {
    "age": NUMBER,
    "sex": CATEGORY,
    "cp": CATEGORY,  # kind of chest pain
    "trestbps": NUMBER,  # resting blood pressure, mm Hg
    "chol": NUMBER,  # serum cholesterol, mg/dl
    "fbs": CATEGORY,  # fasting blood sugar above 120 mg/dl
    "restecg": CATEGORY,
    "thalach": NUMBER,  # largest heart rate
    "exang": CATEGORY,  # angina by exercise
    "oldpeak": NUMBER,  # ST depression by exercise
    "slope": CATEGORY,
    "ca": NUMBER,  # vessels coloured by fluoroscopy
    "thal": CATEGORY,
}
TARGET = "target"
MISSING = ("?", "")
NEVER_ZERO = ("trestbps", "chol")  # a zero was written where nothing was measured


@dataclass(frozen=True, kw_only=True)
class HeartDisease:
    """Heart disease of 920 patients at four hospitals: a table with categories and missing values.

    Parameters
    ----------
    domains
        How many of the hospitals Cleveland, Budapest, Zurich and Basel, Long Beach, in this order.
    seed_share
        Share of each hospital's training rows that goes to the seed set.
    seed_labels
        How many rows of the seed set keep their label, as many of each hospital; by default all.
    data_dir
        Folder of UCI's four files processed.*.data, with a line of names or without; without the
        folder they are fetched once.
    """

    models = ("lightgbm", "mlp", "logistic", "forest")
    rounds: ClassVar[int] = 24
    mixtures = True
    baselines: ClassVar[bool] = True
    kind = "table"

    domains: int | None = bounded(None, least=1, most=len(HOSPITALS))
    seed_share: float = bounded(0.2, above=0, most=0.9)
    seed_labels: int | None = bounded(None, least=1)
    data_dir: Annotated[Path | None, Parameter(env_var="FEDH2L_DATA")] = None

    def __post_init__(self) -> None:
        check_fields(self)

    def names(self, domains: int) -> list[str]:
        """cleveland, hungarian, switzerland, va."""
        check_domains(domains, len(HOSPITALS), "there are four hospitals")
        return list(HOSPITALS[:domains])

    def load(self, domains: int, seed: int) -> FederatedData:
        """60 % of a hospital's patients to train, 15 % to choose on and 25 % to test, as many of
        each class.
        """
        names = self.names(domains)
        sites = _sites(self.data_dir, names)
        return federation_of(sites, names, seed, self.seed_share, self.seed_labels)


def _sites(folder: Path | None, hospitals: list[str]) -> Sites:
    parts = [_patients(_find(folder, hospital)) for hospital in hospitals]
    owner = np.repeat(hospitals, [len(x) for x, _ in parts])
    rows = OwnRows(
        np.concatenate([x for x, _ in parts]),
        np.concatenate([y for _, y in parts]),
        tuple(COLUMNS),
        beside={"hospital": owner},
    )
    return sites_of(rows, "heart disease", domain="hospital")


def _patients(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The features of each patient as a table, and whether the patient is ill."""
    with path.open(encoding="ascii", errors="replace", newline="") as file:
        lines = [line for line in csv.reader(file) if line]
    if lines and lines[0] == [*COLUMNS, TARGET]:
        lines = lines[1:]  # UCI's own files have no names

    x = np.empty(len(lines), list(COLUMNS.items()))
    ill = np.empty(len(lines), "U7")
    for i, line in enumerate(lines):
        try:
            *features, target = line
            named = zip(COLUMNS, features, strict=True)
            x[i] = tuple(_value(name, text) for name, text in named)
            ill[i] = "ill" if int(target) > 0 else "healthy"
        except ValueError as error:
            raise FedH2LError(
                f"{path}: row {i} is {','.join(line)!r}, not 13 features and a target; take UCI's "
                f"processed files ({error})"
            ) from error
    if not lines:
        raise FedH2LError(f"{path}: no rows; take UCI's processed files")
    return x, ill


def _value(name: str, text: str) -> float | str:
    """A number, NaN where it is missing; or the name of a category, "" where it is missing."""
    is_number = COLUMNS[name] is NUMBER
    if text in MISSING or (name in NEVER_ZERO and float(text) == 0):
        return float("nan") if is_number else ""
    return float(text) if is_number else str(int(float(text)))


def _find(folder: Path | None, hospital: str) -> Path:
    name = f"processed.{hospital}.data"
    if folder is None:
        return fetched(ARCHIVE + name, SHA256[hospital], "heart-disease")
    if (folder / name).is_file():
        return folder / name
    raise FedH2LError(
        f"{folder}: no {name} there; put UCI's four processed files there, or leave --data-dir "
        "out to fetch them"
    )
