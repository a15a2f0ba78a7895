"""The page of a live member: what it heard and from whom, and what became of its own accuracy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedh2l.commands.pages import member_figures
from fedh2l.commands.pages.member_counts import Sender, senders_of
from fedh2l.commands.pages.page import with_content, write_page
from fedh2l.live.member_folder import is_running, read_journal
from fedh2l.live.trust.summary import summary as summary_of
from fedh2l.live.trust.terms import Terms, open_invite
from fedh2l.record import checkpoint
from fedh2l.record.journal import latest
from fedh2l.record.kept import KEPT
from fedh2l.record.units import percent, size

LOG_LINES = 30
SECTIONS = {
    "accuracy": "Own accuracy",
    "members": "Whom it heard",
    "apart": "How far apart",
    "bytes": "Bytes",
    "refusals": "Why posts were refused",
    "terms": "Terms",
    "log": "Log",
}


def write_member_page(folder: Path) -> Path:
    """From the journal, the invite and the log of a member, running or not."""
    lines, terms = read_journal(folder), open_invite(folder / "invite.json")
    commit = latest(folder)
    me = str(commit["peer"]) if commit else ""
    kept = checkpoint.latest(folder / KEPT)
    kept_rounds = kept["rounds"] if kept else None
    others = [m.name for m in terms.members if m.name != me]
    senders = senders_of(lines, others)

    log = folder / "log.txt"
    log_lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    values: dict[str, Any] = {
        "accuracy": member_figures.own_accuracy(lines, kept_rounds),
        "apart": member_figures.distances(senders),
        "bytes": member_figures.traffic(lines),
        "refusals": {name: s.reasons for name, s in senders.items() if s.reasons},
        "log": log_lines[-LOG_LINES:],
    }
    return write_page(
        folder,
        "member.html.j2",
        title=f"{me} in federation {terms.federation}",
        me=me,
        sections=with_content(SECTIONS, values),
        sentences=_sentences(me, lines, senders, terms),
        facts=_facts(lines, senders, terms, kept_rounds),
        presence=member_figures.presence(senders),
        members=_table(senders, set(others), lines),
        terms=summary_of(terms),
        state=_state(folder, lines, terms),
        **values,
    )


def _state(folder: Path, lines: Sequence[dict[str, Any]], terms: Terms) -> str:
    if is_running(folder):
        return "It is running: this page says how far it was when it was written."
    done = lines[-1]["round"] + 1 if lines else 0
    return "It has finished." if done >= terms.rounds else "It is stopped before its last round."


def _sentences(
    me: str, lines: Sequence[dict[str, Any]], senders: Mapping[str, Sender], terms: Terms
) -> list[str]:
    """What a person wants to know first."""
    heard = [name for name, sender in senders.items() if sender.count("heard")]
    silent = [name for name in senders if name not in heard]
    first = f"{me} took part in {len(lines)} of {terms.rounds} rounds and heard {_names(heard)}"
    first += f", but never {_names(silent)}." if silent and heard else "."

    return [first, *_own_accuracy([line["accuracy"] for line in lines])]


def _own_accuracy(accuracies: Sequence[float | None]) -> list[str]:
    """What became of the accuracy on the member's own rows, and what nobody knows of it."""
    values = [value for value in accuracies if value is not None]
    if not values:
        return ["It has no validation rows, so its own accuracy is not known."]
    gain = 100 * (values[-1] - values[0])
    verdict = "as much as"
    if abs(gain) >= 0.05:
        verdict = f"{abs(gain):.1f} points {'more' if gain > 0 else 'less'} than"
    return [
        f"On its own validation rows it has {percent(values[-1])} %, {verdict} after its first "
        f"round here ({percent(values[0])} %).",
        "How much of that it would have reached alone is not known: nobody trains a second model "
        "for it.",
    ]


def _names(names: Sequence[str]) -> str:
    """At most six of them, in words."""
    if not names:
        return "nobody"
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), names[-1]])


def _facts(
    lines: Sequence[dict[str, Any]], senders: Mapping[str, Sender], terms: Terms, kept: int | None
) -> list[tuple[str, str, str]]:
    """The figures that stand on top: name, value, and a note."""
    values = [line["accuracy"] for line in lines if line["accuracy"] is not None]
    of_kept = f"kept: the model after round {kept}" if kept is not None else "none is kept"
    faults = [sum(s.count(fate) for s in senders.values()) for fate in ("missing", "refused")]
    said = sum(line["payload_bytes"] for line in lines)
    wire = sum(s.wire_sent for s in senders.values())
    return [
        ("rounds", f"{lines[-1]['round'] + 1 if lines else 0}", f"of {terms.rounds}"),
        ("own accuracy, %", percent(values[-1] if values else None), of_kept),
        ("posts missing", str(faults[0]), f"{faults[1]} refused"),
        ("said", size(said), f"{size(wire)} with all copies and the network's own"),
    ]


def _table(
    senders: Mapping[str, Sender], members: set[str], lines: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """A row for each other member."""
    present = set(lines[-1]["present"]) if lines else set[str]()
    return [
        {
            "name": name,
            "is_member": name in members,
            "here": name in present,
            "heard": sender.count("heard"),
            "missing": sender.count("missing"),
            "refused": sender.count("refused"),
            "last": "never" if sender.last_heard is None else sender.last_heard,
            "apart": _first_and_last(sender),
            "sent": size(sender.wire_sent),
            "received": size(sender.wire_received),
        }
        for name, sender in senders.items()
    ]


def _first_and_last(sender: Sender) -> str:
    if not sender.apart:
        return "–"
    values = list(sender.apart.values())
    return f"{percent(values[0])} → {percent(values[-1])}"
