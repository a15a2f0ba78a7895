"""`fedh2l audit`: every message that left this machine."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedh2l.error import FedH2LError
from fedh2l.message import Posteriors
from fedh2l.record.audit import audit as read_entries
from fedh2l.record.audit import chain_of, decode_posteriors

HEADINGS = ("round", "from", "copies", "posteriors", "codec", "bytes", "SHA-256")
NUMBERS = ("round", "copies", "bytes")
Flag = Annotated[bool, Parameter(negative=(), show_default=False)]


def audit(
    folder: Path,
    *,
    peer: str | None = None,
    decode: int | None = None,
    sheet: Flag = False,
    privacy: Flag = False,
    worlds: int | None = None,
    canaries: int | None = None,
    together: Flag = False,
    surrogate: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False,
) -> None:
    """List every message that left this machine: round, from, copies, shape, codec, bytes and
    SHA-256, each checked against what was kept.

    To whom each copy went, and the whole SHA-256, is in --json.

    Parameters
    ----------
    folder
        A run, finished or not, or a live member's part (the --out of fedh2l join).
    peer
        Only what this peer sent, also with --sheet; with --privacy the peer that is audited, by
        default the first.
    decode
        Show the posteriors of --peer in this round, as its receivers read them.
    sheet
        One page for the data-protection officer, FOLDER/sheet.html: what left, to whom, how much,
        when, under which agreement, and what cannot be concluded; with --json the same as JSON.
    privacy
        Attack what a peer of a finished run sent: can its private rows be told from others? Exits
        with 1 where more is found out than its differential privacy allows.
    worlds
        With --privacy: how often the peer learns anew, each time a random half of its rows; an even
        number, by default 16. More of them give narrower intervals; those that are computed stay.
    canaries
        With --privacy: attack so many rows with a wrong label instead, each in by a coin.
    together
        With --privacy: all peers learn anew, and not the audited one alone; far slower.
    surrogate
        With --privacy: the attacker's kind of model, by name; by default the peer's own, or mlp
        where that is fitted anew (forests, boosted trees).
    as_json
        One JSON line per message; with --decode the rows, with --privacy or --sheet the result.
    """
    if [sheet, privacy, decode is not None].count(True) > 1:
        raise FedH2LError(
            "--sheet, --privacy and --decode each ask for another answer; use one of them"
        )
    if not privacy and (together or [worlds, canaries, surrogate].count(None) < 3):
        raise FedH2LError(
            "--worlds, --canaries, --together and --surrogate go with --privacy; add it"
        )
    if sheet:
        _write_sheet(folder, peer, as_json)
        return
    if privacy:
        from fedh2l.commands.audit_privacy import audit_privacy
        from fedh2l.simulation.leak.membership import WORLDS, Plan

        plan = Plan(
            peer=peer,
            worlds=worlds or WORLDS,
            canaries=canaries,
            together=together,
            surrogate=surrogate,
        )
        audit_privacy(folder, plan, as_json=as_json)
        return
    if decode is not None:
        _show_decoded(folder, peer, decode, as_json)
        return
    _list(folder, peer, as_json)


def _write_sheet(folder: Path, peer: str | None, as_json: bool) -> None:
    from fedh2l.commands.pages.sheet_page import write_sheet

    path, facts = write_sheet(folder, peer)
    print(json.dumps(facts, indent=1) if as_json else path)


def _list(folder: Path, peer: str | None, as_json: bool) -> None:
    entries = read_entries(folder, peer)
    if as_json:
        for entry in entries:
            print(json.dumps(entry))
        return

    title = Text(f"what left this machine: {folder}")
    table = Table(title=title, title_justify="left")
    for heading in HEADINGS:
        justify = "right" if heading in NUMBERS else "left"
        table.add_column(heading, justify=justify, no_wrap=True)
    for entry in entries:
        table.add_row(*_cells(entry))

    console = Console()
    console.print(table)
    copies = sum(entry["bytes"] * len(entry["receivers"]) for entry in entries)
    console.print(
        f"{len(entries)} messages, {copies} bytes in all copies; every frame is what its SHA-256 "
        "says, and no line of the index is missing"
    )
    # To be noted elsewhere: a stranger who can rewrite the whole folder cannot rewrite the note.
    console.print(f"SHA-256 over the whole index: {chain_of(folder)}")


def _show_decoded(folder: Path, peer: str | None, t: int, as_json: bool) -> None:
    if peer is None:
        raise FedH2LError("--decode shows one message; say whose, with --peer NAME")
    rows = decode_posteriors(folder, peer, t)
    if as_json:
        print(json.dumps(rows.tolist()))
    else:
        print(np.array2string(rows, precision=3, suppress_small=True))


def _cells(entry: dict[str, Any]) -> list[str]:
    """The words of one message, in the order of `HEADINGS`."""
    shape = "×".join(map(str, entry["shape"]))
    return [
        str(entry["round"]),
        entry["author"],
        str(len(entry["receivers"])),
        shape if entry["kind"] == Posteriors.kind else entry["kind"],
        entry.get("codec", "float32"),
        str(entry["bytes"]),
        entry["sha256"][:16],
    ]
