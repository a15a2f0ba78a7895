"""A data set that is a file of the user's: a table, arrays, or a folder of images. What is not said
is inferred, and told before the first round.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import FederatedData
from fedh2l.data.own_files import form_of, names_in, read_rows
from fedh2l.data.own_rows import Stamp, stamp_of
from fedh2l.data.own_sites import Sites, sites_of
from fedh2l.data.own_split import federation_of
from fedh2l.error import FedH2LError, choose
from fedh2l.rows import kind_of

# Settings that only some files have, and which.
ONLY = {
    "domain": ("table", "arrays"),
    "label": ("table", "arrays"),
    "group": ("table", "arrays"),
    "split": ("table", "arrays"),
    "drop": ("table",),
    "categories": ("table",),
    "text": ("table",),
    "side": ("images",),
    "colour": ("images",),
    "strict": ("images",),
}
# Kinds of rows that are asked about in mixtures unasked, measured: docs/worth.md.
MIXED = ("table", "vectors")
MODELS = {
    "vectors": ("forest", "mlp", "logistic"),
    "numbers": ("forest", "mlp", "logistic"),
    "table": ("lightgbm", "mlp", "logistic", "forest"),
    "text": ("forest", "mlp", "logistic"),
    "images": ("lenet", "resnet", "batchnorm-cnn", "mlp"),
}


@dataclass(frozen=True, kw_only=True)
class OwnFile:
    """A file of one's own: a table (.csv, .parquet), arrays (.npz), or a folder of images.

    Parameters
    ----------
    data
        The file or folder.
    domain
        The column, or array, that says whose a row is, such as a hospital; by default "domain".
        Where there is none, rows are dealt out at random.
    label
        The column of labels, by default "label", or the array, by default "y".
    group
        A column, or array, such as of patients: rows of one stay together in one part (train,
        validation or test).
    split
        A column, or array, that says train, validation or test; by default "split", where there
        is one.
    drop
        Columns of a table that are left out.
    categories
        Columns of a table whose numbers are names.
    text
        A column of free text to learn from, instead of the other columns.
    side
        Images are scaled to side × side, by default 32.
    colour
        Images have three channels instead of grey.
    strict
        An image that cannot be read ends the run, instead of being left out.
    classes
        The classes in their order; by default what the labels say, sorted.
    domains
        How many peers, where nothing says whose a row is; by default as many as models.
    seed_share
        Share of each peer's training rows that goes to the seed set; by default a fifth, and at
        most 1000 rows in all.
    seed_labels
        How many rows of the seed set keep their label, as many of each peer; by default all.
    """

    rounds: ClassVar[int] = 24
    baselines: ClassVar[bool] = True

    data: str
    domain: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    drop: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    text: str | None = None
    side: int | None = bounded(None, least=1, most=2048)
    colour: bool = False
    strict: bool = False
    classes: tuple[str, ...] | None = None
    domains: int | None = bounded(None, least=1)
    seed_share: float | None = bounded(None, above=0, most=0.9)
    seed_labels: int | None = bounded(None, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def kind(self) -> str:
        try:
            return kind_of(self._sites().rows.x)
        except FedH2LError:
            # An isinstance asks for this: the refusal comes where the domains are asked for.
            return "numbers"

    @property
    def mixtures(self) -> bool:
        return self.kind in MIXED

    @property
    def models(self) -> tuple[str, ...]:
        return MODELS[self.kind]

    @property
    def held(self) -> int | None:
        """How many domains the file names; None: it names none."""
        return len(self._sites().names) or None

    def names(self, domains: int) -> list[str]:
        """The sites that the file names, or part0, part1 …"""
        named = self._sites().names
        if named and len(named) != domains:
            raise FedH2LError(
                f"{self.data}: {domains} domains are asked for, and it names {len(named)} "
                f"({', '.join(named[:5])} …); leave --domains out"
            )
        return named or [f"part{i}" for i in range(domains)]

    def load(self, domains: int, seed: int) -> FederatedData:
        """60 % of a domain's rows to train, 15 % to choose on and 25 % to test, class by class,
        where the file has no split of its own.
        """
        names = self.names(domains)
        return federation_of(self._sites(), names, seed, self.seed_share, self.seed_labels)

    def _sites(self) -> Sites:
        # These do not change what is read, so that they must not make it be read again.
        path = Path(self.data)
        form_of(path)
        return _read(replace(self, domains=None, seed_share=None, seed_labels=None), stamp_of(path))


@lru_cache(maxsize=1)  # asked for the names of its domains again and again
def _read(own: OwnFile, _: Stamp) -> Sites:
    path = Path(own.data)
    form = form_of(path)
    for name, forms in ONLY.items():
        if getattr(own, name) and form not in forms:
            raise FedH2LError(f"{path}: --{name} is of {' and '.join(forms)}, which it is not")
    columns = _columns(own, names_in(path))
    rows = read_rows(
        path,
        label=own.label or _usual_label(names_in(path), form, own.data),
        side=own.side or 32,
        colour=own.colour,
        strict=own.strict,
        beside=list(columns.values()),
        leave_out=own.drop,
        categories=own.categories,
        text=own.text,
    )
    if form == "images":
        # Here folders say it, and no column was named.
        columns = {name: name for name in rows.beside}
    return sites_of(rows, own.data, classes=own.classes, **columns)


def _columns(own: OwnFile, inside: list[str]) -> dict[str, str]:
    """The columns or arrays beside the features by what they say: those that were named, and those
    with the usual name.
    """
    columns: dict[str, str] = {}
    for what in ("domain", "group", "split"):
        said: str | None = getattr(own, what)
        if said is not None:
            columns[what] = choose(f"column of {own.data}", said, inside)
        # Patients are a group only where somebody says so.
        elif what in inside and what != "group":
            columns[what] = what
    return columns


def _usual_label(inside: list[str], form: str, source: str) -> str | None:
    usual = {"table": "label", "arrays": "y", "images": None}[form]
    if usual is not None and usual not in inside:
        what = "column" if form == "table" else "array"
        raise FedH2LError(
            f"{source}: no {what} is called {usual!r}; name the one of the labels with --label: "
            f"{', '.join(inside)}"
        )
    return usual
