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

import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from fedh2l import run_folder, sent
from fedh2l.error import FedH2LError
from fedh2l.experiment import Experiment
from fedh2l.report import write_report
from fedh2l.simulate import simulate
from fedh2l.table import Display, final_table

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


def report(folder: Path) -> None:
    """Write a run's report.html anew.

    Parameters
    ----------
    folder
        A finished run.
    """
    print(write_report(folder))


def audit(
    folder: Path,
    *,
    peer: str | None = None,
    decode: int | None = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """List every message that left this machine: round, from, copies, shape, codec, bytes and
    SHA-256, each checked against what was kept.

    To whom each copy went, and the whole SHA-256, is in --json.

    Parameters
    ----------
    folder
        A run, finished or not.
    peer
        Only what this peer sent.
    decode
        Show what --peer told in this round: the posteriors as its receivers read them.
    as_json
        One JSON line per message; with --decode the rows.
    """
    if decode is not None:
        if peer is None:
            raise FedH2LError("--decode shows one message; say whose, with --peer NAME")
        rows = sent.decoded(folder, peer, decode)
        print(
            json.dumps(rows.tolist())
            if as_json
            else np.array2string(rows, precision=3, suppress_small=True)
        )
        return
    found = [told for told in sent.audit(folder) if peer in (None, told["author"])]
    if as_json:
        for told in found:
            print(json.dumps(told))
        return
    table = Table(title=f"what left this machine: {folder}", title_justify="left")
    for heading in ("round", "from", "copies", "posteriors", "codec", "bytes", "SHA-256"):
        table.add_column(
            heading,
            justify="right" if heading in ("round", "copies", "bytes") else "left",
            no_wrap=True,
        )
    for told in found:
        what = "weights" if told["at"] is None else f"{told['shape'][0]}×{told['shape'][1]}"
        words = (
            told["author"],
            len(told["receivers"]),
            what,
            told.get("codec", "float32"),
            told["bytes"],
            told["sha256"][:16],
        )
        table.add_row(str(told["round"]), *map(str, words))
    console = Console()
    console.print(table)
    copies = sum(told["bytes"] * len(told["receivers"]) for told in found)
    console.print(
        f"{len(found)} messages, {copies} bytes in all copies; every frame is what its SHA-256 says"
    )


def _new_folder(config: Experiment) -> Path:
    return (
        Path("runs")
        / f"{datetime.now():%Y-%m-%d-%H%M%S}-{config.data}-{config.algorithm}-{config.seed}"
    )
