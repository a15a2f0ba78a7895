"""`fedh2l run`, `fedh2l report` and `fedh2l audit`: from flags to a run folder, with a table that
moves and an answer a script can read.
"""

import json
import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from fedh2l.commands.report import write_report
from fedh2l.commands.table import Display, final_table
from fedh2l.error import FedH2LError
from fedh2l.simulation import run_folder
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.simulate import simulate

Flat = Parameter(name="*")  # the fields of the dataclass are the flags


def run(
    experiment: Annotated[Experiment, Flat] = Experiment(),  # noqa: B008  (frozen)
    *,
    out: Path | None = None,
    resume: Path | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    config: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Simulate a federation and compare it with the honest rows.

    Every flag may stand in a TOML file (--config) under its own name, or in the environment
    (FEDH2L_RUN_ROUNDS=10); flags win.

    Parameters
    ----------
    out
        The run's folder; by default a new one below runs/.
    resume
        Go on with the run in this folder, with the configuration it had.
    overwrite
        Replace a run that --out already holds.
    workers
        Processes; by default one per core. The results do not depend on it.
    config
        A TOML file of flags, such as another run's config.toml.
    as_json
        Print summary.json instead of tables; progress goes to standard error.
    """
    if resume is not None:
        if replace(experiment, data_dir=None) != Experiment():
            raise FedH2LError(
                "--resume goes on with the configuration in the folder; leave the other flags "
                "out, or start a new run"
            )
        folder = run_folder.open_again(resume)
    else:
        found = experiment.resolved()
        folder = run_folder.open_new(out or _new_folder(found), found, overwrite=overwrite)
    console = Console(stderr=as_json)
    count = workers or min(os.cpu_count() or 1, len(folder.config.names))
    with Display(folder.config, console) as display:
        for event in simulate(folder.config, folder.path, workers=count):
            folder.take(event)
            display.show(event)
    summary = folder.finish()
    write_report(folder.path)
    if as_json:
        json.dump(summary, sys.stdout, indent=1)
        print()
        return
    console.print(final_table(summary))
    console.print(
        f"[dim]everything lies in[/] {folder.path}   [dim]look at[/] {folder.path / 'report.html'}"
    )


def _new_folder(config: Experiment) -> Path:
    return (
        Path("runs")
        / f"{datetime.now():%Y-%m-%d-%H%M%S}-{config.data}-{config.algorithm}-{config.seed}"
    )
