"""A user's rows dealt out: to peers where the file names none, to train, choose and test, and to
the seed set.
"""

import numpy as np

from fedh2l.data.domains import Domain, FederatedData
from fedh2l.data.own_sites import LEAST, PARTS, Sites
from fedh2l.data.split import split_seeds, withheld
from fedh2l.error import FedH2LError
from fedh2l.rows import Rows
from fedh2l.seed_rows import UNLABELLED
from fedh2l.seedset import SeedSet
from fedh2l.stored_rows import picked, row_bytes

TRAIN, VALIDATION = 0.6, 0.15  # shares of a domain's rows; the rest is tested on
WORD = f"U{max(map(len, PARTS))}"  # an array of these words
SEED_SHARE, MOST_SEEDS = 0.2, 1000  # by default, and then at most so many in all
MOST_BYTES = 64 * 2**20  # of seed rows, by default


def federation_of(
    sites: Sites,
    names: list[str],
    seed: int,
    seed_share: float | None,
    labels_kept: int | None = None,
) -> FederatedData:
    """Every domain in its three parts, and the seed set of all.

    labels_kept: how many seed rows keep their label; None: all that have one. Rows without a label
    are seed rows, and nothing else. What was done is told in `notes`.
    """
    rng = np.random.default_rng([seed, 4])
    owner = _dealt(sites, names, rng) if sites.sites is None else sites.sites
    part = _parted(sites, owner, names, rng)

    x, labels = sites.rows.x, sites.labels
    labelled = labels != UNLABELLED
    rows: dict[str, list[Rows]] = {}
    for name in names:
        mine = [np.flatnonzero((owner == name) & labelled & (part == p)) for p in PARTS]
        rows[name] = [(picked(x, pick), labels[pick]) for pick in mine]

    training = sum(len(parts[0][1]) for parts in rows.values())
    # Several views of all seed rows are in memory at a time.
    most = min(MOST_SEEDS, max(1, MOST_BYTES // row_bytes(x)))
    share = seed_share or min(SEED_SHARE, most / training)
    private, given = split_seeds({name: parts[0] for name, parts in rows.items()}, share, rng)
    _check_every_class(sites, given[1])
    seeds, seed_labels, owners = _seed_rows(sites, owner, given, labels_kept)

    domains = {name: Domain(private[name], *rows[name][1:]) for name in names}
    notes = (*sites.notes, *_notes(sites, domains, seed_labels, owners))
    return FederatedData(domains, SeedSet(seeds, sites.classes, seed_labels, owners), notes)


def _seed_rows(
    sites: Sites,
    owner: np.ndarray,
    given: tuple[np.ndarray, np.ndarray, np.ndarray],
    labels_kept: int | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, labels and owners of the seed set: what the peers give, and all rows without a label,
    with which nobody could train or test.
    """
    seeds, labels, owners = given
    if labels_kept is not None:
        labels = withheld(labels, owners, labels_kept)
    more = np.flatnonzero(sites.labels == UNLABELLED)
    if not len(more):
        return seeds, labels, owners
    return (
        np.concatenate([seeds, sites.rows.x[more]]),
        np.concatenate([labels, sites.labels[more]]),
        np.concatenate([owners, owner[more]]),
    )


def _dealt(sites: Sites, names: list[str], rng: np.random.Generator) -> np.ndarray:
    """Rows at random, about as many to each peer; those of one group to one peer."""
    unit = _units(sites)
    place = np.empty(unit.max() + 1, np.int64)
    place[rng.permutation(len(place))] = np.arange(len(place)) % len(names)
    owner = np.array(names)[place[unit]]
    for name in names:
        count = int(((owner == name) & (sites.labels != UNLABELLED)).sum())
        if count < LEAST:
            raise FedH2LError(
                f"{sites.source}: {count} labelled rows for {name} where {len(names)} peers share "
                f"them; each needs {LEAST} or more: ask for fewer --domains"
            )
    return owner


def _units(sites: Sites) -> np.ndarray:
    """What is dealt out whole: for every row the number of its group, or of itself."""
    if sites.groups is None:
        return np.arange(len(sites.rows))
    return np.unique(sites.groups, return_inverse=True)[1]


def _parted(
    sites: Sites, owner: np.ndarray, names: list[str], rng: np.random.Generator
) -> np.ndarray:
    """The part of every row: the file's own split, or a draw in which every class of a domain
    has its share of each part.
    """
    if sites.parts is not None:
        return _official(sites, owner, names, rng)
    part = np.full(len(owner), PARTS[0], WORD)
    unit = _units(sites)
    drawn: dict[int, str] = {}  # a patient of two hospitals is in one part at both
    for name in names:
        mine = np.flatnonzero((owner == name) & (sites.labels != UNLABELLED))
        drawn |= _drawn(unit[mine], sites.labels[mine], drawn, rng)
        part[mine] = [drawn[u] for u in unit[mine].tolist()]
        for which in PARTS:
            if which not in part[mine]:
                raise FedH2LError(
                    f"{sites.source}: domain {name!r} has too few groups for {which} rows of its "
                    "own; it needs three or more, of about equal size"
                )
    return part


def _drawn(
    unit: np.ndarray, labels: np.ndarray, before: dict[int, str], rng: np.random.Generator
) -> dict[int, str]:
    """A part for each unit of one domain: class by class in a random order, the first rows to
    train, the next to choose on, the last to test.
    """
    units, first, size = np.unique(unit, return_index=True, return_counts=True)
    order = rng.permutation(len(units))
    of_class = labels[first]
    reached = np.empty(len(units))  # the share of its class up to the middle of this unit
    for c in np.unique(of_class):
        mine = order[of_class[order] == c]
        until = np.cumsum(size[mine])
        reached[mine] = (until - size[mine] / 2) / until[-1]

    ranked = np.argsort(reached, kind="stable")
    cuts = np.searchsorted(reached[ranked], [TRAIN, TRAIN + VALIDATION])
    # No part may be empty, however few there are.
    cuts = np.clip(cuts, [1, 2], [max(1, len(units) - 2), max(2, len(units) - 1)])
    parts = np.repeat(PARTS, np.diff([0, *cuts, max(len(units), cuts[1])]))
    drawn = dict(zip(units[ranked].tolist(), parts.tolist(), strict=False))
    return drawn | {u: before[u] for u in drawn if u in before}


def _official(
    sites: Sites, owner: np.ndarray, names: list[str], rng: np.random.Generator
) -> np.ndarray:
    """The file's own split; where it has no validation rows, a fifth of the training rows."""
    assert sites.parts is not None
    part = sites.parts.astype(WORD)
    labelled, unit = sites.labels != UNLABELLED, _units(sites)
    for name in names:
        mine = np.flatnonzero((owner == name) & labelled)
        if "validation" not in part[mine]:
            train = mine[part[mine] == "train"]
            held_out = rng.permutation(np.unique(unit[train]))
            held_out = held_out[: max(1, len(held_out) // 5)]
            part[train[np.isin(unit[train], held_out)]] = "validation"
        for which in PARTS:
            if which not in part[mine]:
                raise FedH2LError(
                    f"{sites.source}: domain {name!r} has no {which} rows by its own split; add "
                    "some, or leave the split out"
                )
    return part


def _check_every_class(sites: Sites, seed_labels: np.ndarray) -> None:
    missing = np.setdiff1d(np.arange(len(sites.classes)), seed_labels)
    if missing.size:
        name = sites.classes[missing[0]]
        rows = int((sites.labels == missing[0]).sum())
        raise FedH2LError(
            f"{sites.source}: the seed set of {len(seed_labels)} rows has no {name!r} ({rows} rows "
            "in all); it needs an example of every class: raise --seed-share, or leave the class "
            "out"
        )


def _notes(
    sites: Sites, domains: dict[str, Domain], labels: np.ndarray, owners: np.ndarray
) -> list[str]:
    """What each peer has, a sentence each, and how the rows came to it."""
    notes: list[str] = []
    if sites.sites is None:
        notes.append(
            f"{sites.source}: no domains are named, so rows are dealt out to {len(domains)} peers "
            "at random, and all peers have data alike"
        )
    for name, domain in domains.items():
        train, validation, test = (len(y) for _, y in domain)
        given = labels[owners == name]
        known = int((given != UNLABELLED).sum())
        seeds = f"{known} seeds" + (
            f" and {len(given) - known} without a label" * (known < len(given))
        )
        only = np.unique(np.concatenate([y for _, y in domain]))
        doubt = f"; its only class is {sites.classes[only[0]]!r}" if len(only) == 1 else ""
        notes.append(
            f"{name}: {train} rows to train, {validation} to choose on, {test} to test, {seeds}"
            f"{doubt}"
        )
    return notes
