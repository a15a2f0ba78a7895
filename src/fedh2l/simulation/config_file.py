"""config.toml: flat settings in a file, exactly those that decide what a run computes."""

import codecs
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from fedh2l.error import FedH2LError
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.settings import settings_of

# What the first bytes of a file say about its encoding.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_config(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, by name; a '-' in a name counts as '_'.

    Raises FedH2LError where the file is no TOML, or has a table.
    """
    data = path.read_bytes()
    encoding = next((MARKS[mark] for mark in MARKS if data.startswith(mark)), "utf-8")
    try:
        settings = tomllib.loads(data.decode(encoding).replace("\r\n", "\n"))
    except ValueError as error:
        raise FedH2LError(f"{path}: not a TOML file in UTF-8 ({error})") from error
    tables = [name for name, value in settings.items() if isinstance(value, dict)]
    if tables:
        raise FedH2LError(
            f"{path}: has a table [{tables[0]}], and settings are flat: write them without any "
            "table above them, such as rounds = 10"
        )
    return {name.replace("-", "_"): value for name, value in settings.items()}


def config_text(experiment: Experiment, *, baselines: bool) -> str:
    """A file with which `fedh2l run --config` repeats a run."""
    settings = settings_of(experiment) | {"baselines": baselines}
    return tomli_w.dumps({name: _plain(value) for name, value in settings.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
