"""The sheet of a data-protection officer: one page on what left, to whom, how much and when."""

import shlex
from pathlib import Path
from typing import Any

from fedh2l.commands.pages import sheet_words
from fedh2l.commands.pages.page import MOST, MOST_ROWS, with_content, write_page
from fedh2l.commands.pages.sheet_facts import facts_of
from fedh2l.record.units import size

SHEET = "sheet.html"
SECTIONS = {
    "what": "What left",
    "whom": "To whom, and how much",
    "agreement": "How it was agreed",
    "leaks": "What can be learnt from it",
    "cannot": "What cannot be concluded",
    "hashes": "Hashes",
}


def write_sheet(folder: Path, peer: str | None = None) -> tuple[Path, dict[str, Any]]:
    """sheet.html in the folder, of all peers or of one; where it lies, and the facts and sentences
    on it.
    """
    facts = facts_of(folder, peer)
    told = {
        "summary": sheet_words.lead(facts),
        "what_left": sheet_words.what_left(facts),
        "stayed": sheet_words.stayed(facts),
        "before": sheet_words.before(facts),
        "also_known": sheet_words.also_known(facts),
        "differential_privacy": sheet_words.differential_privacy(facts),
        "audited": [sheet_words.audited(result) for result in facts["audits"]],
        "cannot_conclude": sheet_words.cannot_conclude(facts),
    }
    path = write_page(
        folder,
        "sheet.html.j2",
        file=SHEET,
        title=_title(facts),
        sections=with_content(SECTIONS, {}),
        facts=facts,
        told=told,
        figures=_figures(facts),
        table=[_row(group) for group in facts["sent"][:MOST_ROWS]],
        left_out=max(0, len(facts["sent"]) - MOST_ROWS),
        audit=shlex.join(["fedh2l", "audit", str(folder)]),
    )
    return path, facts | {"sentences": told}


def _title(facts: dict[str, Any]) -> str:
    if facts["kind"] == "live member":
        return f"What left {facts['peers'][0]}: federation {facts['federation']}"
    peers = facts["peers"]
    who = peers[0] if len(peers) == 1 else f"{len(peers)} sites"
    return f"What would have left {who}: a simulated run of {facts['method']}"


def _figures(facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The figures that stand on top: name, value, and a note."""
    sent, rounds = facts["sent"], facts["rounds"]
    receivers = max((len(group["receivers"]) for group in sent), default=0)
    payload, wire = (sum(group[k] for group in sent) for k in ("in_copies", "on_wire"))
    return [
        (
            "messages",
            str(sum(group["messages"] for group in sent)),
            f"each to {receivers} {'other' if receivers == 1 else 'others'} at most",
        ),
        ("rounds", str(rounds["done"]), f"of {rounds['planned']}"),
        ("bytes, all copies", size(payload), f"about {size(wire)} with TLS and TCP"),
        ("differential privacy", *sheet_words.protection(facts)),
    ]


def _row(group: dict[str, Any]) -> dict[str, Any]:
    """A row of the table: the messages of one author that are alike."""
    first, last = group["rounds"]
    return {
        "author": group["author"],
        "kind": group["kind"],
        "shape": " × ".join(f"{n:,}" for n in group["shape"]),
        "messages": group["messages"],
        "rounds": f"{first} to {last}" if last > first else str(first),
        "bytes": size(group["bytes"]),
        "in_copies": size(group["in_copies"]),
        "receivers": sheet_words.to_whom(group, MOST),
    }
