"""The cells of what is compared: sweeps, cells.csv files and finished runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fedh2l.algorithms import ALGORITHMS
from fedh2l.error import FedH2LError
from fedh2l.record.journal import committed_lines, latest
from fedh2l.simulation.cells import FOLDER
from fedh2l.simulation.config_file import read_config
from fedh2l.simulation.run_folder import CONFIG, SUMMARY
from fedh2l.simulation.sweep.plan import USUAL
from fedh2l.simulation.sweep.tables import CELLS, CellLine, read_cells

# Of a run's configuration: what names the cell, and what its results do not depend on.
NAMES = ("algorithm", "data", "seed", "data_dir", "baselines", "evaluate")


def cells_of_all(paths: Sequence[Path]) -> list[CellLine]:
    """The cells of sweeps and runs, in this order; a cell that is in several of them counts once.

    Runs whose configurations differ are in settings named after what differs. Where two say of one
    cell what is not the same, their settings are named after their folders as well.
    Raises FedH2LError where a path is neither a sweep nor a finished run.
    """
    runs = [path for path in paths if (path / SUMMARY).is_file()]
    settings = _settings_of_runs({path: read_config(path / CONFIG) for path in runs})
    sources: dict[Path, list[CellLine]] = {}
    for path in dict.fromkeys(paths):
        sources[path] = cells_of_run(path, settings[path]) if path in runs else _cells(path)

    disputed = _disputed(sources)
    told: dict[tuple[str, str, str, int], CellLine] = {}
    for path, cells in sources.items():
        for cell in cells:
            name = f"{cell.setting}, {path}" if path in disputed else cell.setting
            told.setdefault((*cell.group[:2], name, cell.seed), replace(cell, setting=name))
    return list(told.values())


def _disputed(sources: Mapping[Path, Sequence[CellLine]]) -> set[Path]:
    """Those that say of one cell what another of them does not."""
    first: dict[tuple[str, str, str, int], tuple[Path, CellLine]] = {}
    disputed: set[Path] = set()
    for path, cells in sources.items():
        for cell in cells:
            other, known = first.setdefault((*cell.group, cell.seed), (path, cell))
            if _results(known) != _results(cell):
                disputed |= {path, other}
    return disputed


def _results(cell: CellLine) -> tuple[float, ...]:
    return cell.own, cell.all_domain, cell.worst_domain, cell.payload_bytes


def _cells(path: Path) -> list[CellLine]:
    if (path / CELLS).is_file():
        return read_cells(path / CELLS)
    if path.is_file():
        return read_cells(path)
    raise FedH2LError(
        f"{path}: neither a sweep nor a finished run; name a folder with {CELLS} or {SUMMARY}, or "
        f"a {CELLS}"
    )


def cells_of_run(folder: Path, setting: str = USUAL) -> list[CellLine]:
    """The method of a finished run, and its baselines."""
    path = folder / SUMMARY
    try:
        summary = json.loads(path.read_bytes())
        cells = {summary["algorithm"]: (folder, summary["mean"])}
        for name, mean in summary["baselines"].items():
            cells[name] = (folder / FOLDER / name, mean)
        return [_cell(name, setting, summary, *its) for name, its in cells.items()]
    except (ValueError, KeyError, TypeError) as error:
        raise FedH2LError(
            f"{path}: damaged, or of another release ({error!r}); fedh2l run --resume {folder} "
            "writes it anew"
        ) from error


def _cell(
    name: str, setting: str, summary: Mapping[str, Any], folder: Path, mean: Mapping[str, Any]
) -> CellLine:
    saved = latest(folder)
    if saved is None:
        raise FedH2LError(f"{folder}: no checkpoint there, so nothing of {name} to compare")
    peers: list[Mapping[str, Any]] = list(saved["peers"].values())
    return CellLine(
        name,
        summary["data"],
        setting,
        summary["seed"],
        own=mean["own_accuracy"],
        all_domain=mean["all_domain_accuracy"],
        worst_domain=mean["worst_domain_accuracy"],
        ece=mean["all_domain_ece"],
        nll=mean["all_domain_nll"],
        all_domain_auc=mean.get("all_domain_auc"),
        validation_all_domain=committed_lines(folder)[-1]["mean"]["all_domain_accuracy"],
        payload_bytes=sum(p["payload_bytes_sent"] for p in peers) / len(peers),
        cpu_seconds=saved["cpu_seconds"],
        cell=str(folder),
    )


def _settings_of_runs(configurations: Mapping[Path, dict[str, Any]]) -> dict[Path, str]:
    """Of each run what distinguishes its configuration from those of the others, in words."""
    differing = {
        name
        for config in configurations.values()
        for name in config
        if name not in NAMES and _differs(name, list(configurations.values()))
    }
    settings: dict[Path, str] = {}
    for path, config in configurations.items():
        words = [f"{name}={config[name]}" for name in sorted(differing & set(config))]
        settings[path] = ", ".join(words) or USUAL
    return settings


def _differs(name: str, configurations: Sequence[Mapping[str, Any]]) -> bool:
    """Whether runs that have this setting have it otherwise. Methods bring settings of their own,
    so those are compared among runs of one method; and so are those of a data set.
    """
    values: dict[tuple[Any, Any], set[str]] = {}
    for config in configurations:
        method = ALGORITHMS[config["algorithm"]]
        is_own = name in {f.name for f in fields(method)}  # type: ignore[arg-type]
        group = (config["data"], config["algorithm"] if is_own else None)
        values.setdefault(group, set()).add(repr(config.get(name)))
    return any(len(different) > 1 for different in values.values())
