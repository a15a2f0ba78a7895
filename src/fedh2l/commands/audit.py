"""`fedh2l audit`: every message that left this machine."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from fedh2l.error import FedH2LError
from fedh2l.record import sent


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
