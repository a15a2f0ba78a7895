"""`fedh2l run`: from flags to a run folder, with a table that moves and an answer a script can
read.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.config import Env
from rich.console import Console
from rich.text import Text

from fedh2l.commands.flags import (
    Flag,
    check_environment,
    class_of,
    flags_of,
    named_flags,
    value_of,
)
from fedh2l.commands.resumed import PREFIX, last_words, open_again
from fedh2l.commands.table import Display, final_table
from fedh2l.commands.workers import ABOUT_WORKERS, Workers, with_address
from fedh2l.error import FedH2LError
from fedh2l.simulation import run_folder
from fedh2l.simulation.config_file import read_config
from fedh2l.simulation.experiment import PARTS, Experiment
from fedh2l.simulation.settings import (
    DEFAULTS,
    TABLES,
    check_names,
    compose,
    kinds_of,
)
from fedh2l.simulation.simulate import simulate

# How a run is done, and not what it computes: these are flags, and not in a TOML file.
ABOUT_THE_RUN = ("out", "resume", "overwrite", *ABOUT_WORKERS, "config", "json")
# Said in the language of an earlier time; help does not show them.
ALIASES = {"--references": "--baselines", "--no-references": "--no-baselines"}


def app_of(tokens: Sequence[str]) -> tuple[App, list[str]]:
    """The command with the flags of the data set and the method that the tokens name, and the
    tokens as it takes them.
    """
    words = with_address([ALIASES.get(token, token) for token in tokens])
    path = value_of("config", words, PREFIX)
    file = read_config(Path(path)) if path else {}
    chosen = {
        part: value_of(part, words, PREFIX) or str(file.get(part, usual))
        for part, usual in DEFAULTS.items()
    }
    kinds = kinds_of(**chosen)  # which refuses an unknown name
    _check_file(path, file, chosen)

    flags = _flags(kinds, chosen)
    _check_tokens(words, chosen)
    names = [f.name for f, *_ in flags]
    check_environment(PREFIX, [*names, *ABOUT_THE_RUN, "baselines"])

    data = kinds["data"]
    usual = {"rounds": data.rounds}
    # Those of a user's file depend on what is in it.
    if isinstance(data.models, tuple):
        usual |= {"peers": data.models}
    settings = class_of(flags, usual | file | chosen)
    app = App(
        name="fedh2l run",
        help_format="plaintext",
        help_epilogue="The flags are those of the data set and the method that are named: try "
        "fedh2l run --algorithm fedavg --help.",
        config=[Env(PREFIX, command=False, show=False)],
    )
    app.default(_command(settings, chosen, file, words))
    return app, words


def _flags(kinds: Mapping[str, Any], chosen: Mapping[str, str]) -> list[Flag]:
    """Those of the experiment, then those of its data set, its method, its views and network."""
    flags: list[Flag] = []
    for f, hint, words in flags_of(Experiment, leave_out=set(PARTS) - set(TABLES)):
        if f.name in TABLES:
            # The data set and the method are told by name; data also by that of a file.
            hint = Literal[tuple(dict.fromkeys([*TABLES[f.name], chosen[f.name]]))]
        flags.append((f, hint, words))
    for kind in kinds.values():
        flags += flags_of(kind, leave_out=TABLES)
    return flags


def _check_file(path: str | None, file: Mapping[str, Any], chosen: Mapping[str, str]) -> None:
    try:
        for name in ABOUT_THE_RUN:
            if name in file:
                raise FedH2LError(f"{name} says how to run, not what; give it as --{name}")
        check_names([n for n in file if n != "baselines"], chosen)
        compose({n: v for n, v in file.items() if n != "baselines"} | dict(chosen))
        if not isinstance(file.get("baselines", True), bool):
            raise FedH2LError(f"baselines is {file['baselines']!r}, expected true or false")
    except FedH2LError as error:
        raise FedH2LError(f"{path}: {error}") from error


def _check_tokens(words: Sequence[str], chosen: Mapping[str, str]) -> None:
    """Refuse a flag of another data set or method, and say whose it is."""
    about = {*ABOUT_THE_RUN, "baselines", "help", "version"}
    names = [name.removeprefix("no_") for name in named_flags(words)]
    check_names([name for name in names if name not in about], chosen)


def _command(
    settings: type, chosen: Mapping[str, str], file: Mapping[str, Any], words: Sequence[str]
) -> Any:
    """The function whose signature the command line reads."""

    def run(
        flat: Any = settings(),  # noqa: B008  (frozen)
        *,
        baselines: bool | None = file.get("baselines"),
        out: Path | None = None,
        resume: Path | None = None,
        overwrite: bool = False,
        workers: int | None = None,
        ray: str | None = None,
        gpus_per_worker: float = 0.0,
        config: Path | None = None,
        as_json: Annotated[bool, Parameter(name="--json")] = False,
    ) -> None:
        """Simulate a federation and compare it with the baselines.

        Every setting may stand in a TOML file (--config), or in the environment
        (FEDH2L_RUN_ROUNDS=10); flags win.

        Parameters
        ----------
        baselines
            Run alone, seed-only and pooled as well; by default as the data set says.
        out
            The run's folder; by default a new one below runs/.
        resume
            Go on with the run in this folder, with the configuration it had.
        overwrite
            Replace a run that --out already holds.
        workers
            Processes; by default one per core. The results do not depend on it.
        ray
            Workers are actors of the Ray cluster at HOST:PORT, by default that of RAY_ADDRESS; with
            local, or without any address, of one on this machine that ends with the run.
        gpus_per_worker
            GPUs that the cluster leases to each worker.
        config
            A TOML file of settings, such as another run's config.toml.
        as_json
            Print summary.json instead of tables; progress goes to standard error.
        """
        how = Workers(workers, ray, gpus_per_worker)
        if resume is None:
            folder = _open_new(flat, chosen, baselines, out, overwrite=overwrite)
        else:
            folder = open_again(resume, words)
        _simulate(folder, how, as_json)

    run.__annotations__["flat"] = Annotated[settings, Parameter(name="*")]
    return run


def _open_new(
    flat: Any,
    chosen: Mapping[str, str],
    baselines: bool | None,
    out: Path | None,
    *,
    overwrite: bool,
) -> run_folder.RunFolder:
    values = {name: value for name, value in asdict(flat).items() if value is not None}
    experiment = compose(values).resolved()
    compared = experiment.data.baselines if baselines is None else baselines
    place = out or _new_folder(**chosen, seed=experiment.seed)
    return run_folder.open_new(place, experiment, baselines=compared, overwrite=overwrite)


def _new_folder(data: str, algorithm: str, seed: int) -> Path:
    """Named after the time to the microsecond: of two that start together each has its own."""
    name = Path(data.partition(":")[0]).stem
    return Path("runs") / f"{datetime.now():%Y-%m-%d-%H%M%S-%f}-{name}-{algorithm}-{seed}"


def _simulate(folder: run_folder.RunFolder, how: Workers, as_json: bool) -> None:
    console = Console(stderr=as_json)
    cells = list(folder.cells.values())
    with last_words(folder.path), folder, Display(cells, folder.main, console) as display:
        work = simulate(cells, workers=how.count, ray=how.ray, gpus_per_worker=how.gpus_per_worker)
        for event in work:
            folder.take(event)
            display.show(event)
        summary = folder.finish()
        # Drawing needs matplotlib, which nobody waits for before there is something to draw.
        from fedh2l.commands.report import write_report

        write_report(folder.path)
    if as_json:
        json.dump(summary, sys.stdout, indent=1)
        print()
        return
    console.print(final_table(summary))
    # A path is text and not markup: it may hold brackets.
    console.print(Text(f"everything lies in {folder.path}   look at {folder.path / 'report.html'}"))
