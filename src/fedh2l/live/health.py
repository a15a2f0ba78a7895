"""How a member is, by its folder: for a person, a monitor and Prometheus."""

import datetime
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from fedh2l.live.budget import budget_numbers, words_of
from fedh2l.live.member_folder import is_running, read_journal, seconds_since_round
from fedh2l.live.notices import read_now
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.terms import Terms, open_invite
from fedh2l.record.units import size

LITTLE, NOTHING = 10e6, 64e3  # bytes that are left on the disk
SOON = 14.0  # days before a certificate's end from which on its owner is told
# A round that took this many deadlines has stalled: it closes within one, and learning takes time.
STALLED = 3
RENEW = "run fedh2l accept as the first time, and send the convener the answer"

# Of a member that has not finished a round.
NO_LINE: dict[str, Any] = {
    "round": -1,
    "heard": {},
    "gone": [],
    "missing": [],
    "accuracy": None,
}


@dataclass(frozen=True)
class Health:
    """`alarms`: why a monitor should call somebody, each in words; `warnings`: what can wait until
    tomorrow.
    """

    answer: dict[str, Any]
    numbers: dict[str, float]
    alarms: list[str]
    warnings: list[str]

    @property
    def exit_code(self) -> int:
        """0 well, 1 warnings, 3 alarms; 2 is a refusal of any command."""
        if self.alarms:
            return 3
        return 1 if self.warnings else 0


def days_left(member: Member) -> float:
    """Days until the member's certificate ends; negative once it has."""
    end = x509.load_pem_x509_certificate(member.certificate.encode()).not_valid_after_utc
    return (end - datetime.datetime.now(datetime.UTC)).total_seconds() / 86_400


def certificate_warning(member: Member) -> str:
    """A line for the owner once its certificate ends soon; empty before."""
    days = days_left(member)
    if days < 0:
        return f"the certificate of {member.name} has ended, so no link holds; {RENEW}"
    if days < SOON:
        return f"the certificate of {member.name} ends in {days:.0f} days; {RENEW}"
    return ""


def health_of(folder: Path) -> Health:
    """How the member in this folder is now. Raises FedH2LError where it is none."""
    lines, terms = read_journal(folder), open_invite(folder / "invite.json")
    last = lines[-1] if lines else NO_LINE
    rounds, seconds = last["round"] + 1, seconds_since_round(folder)
    state = "finished" if rounds >= terms.rounds else "stopped"
    if is_running(folder):
        state = "running"
    me = _me(folder, terms)

    answer = {
        "state": state,
        "rounds": f"{rounds} of {terms.rounds}",
        "last round finished": f"{seconds:.0f} s ago",
        "invite version": terms.version,
        "heard in the last round": list(last["heard"]),
        "left, and not back": last.get("gone", []),
        "missing in the last round": last["missing"],
        **_so_far(lines, terms),
        "accuracy": last["accuracy"],
        "privacy budget": "; ".join(words_of(last)) or "none",
        "certificate": f"{days_left(me):.0f} days left" if me else "none in this version",
        "last words": _last_words(folder),
        "log": str(folder / "log.txt"),
    }
    alarms, warnings = _alarms(state, seconds, terms, me), _warnings(state, last, terms, me)
    warnings += read_now(folder) if state == "running" else []
    if state != "finished":
        _look_at_disk(folder, alarms, warnings)
    answer["alarms"], answer["warnings"] = alarms, warnings
    numbers = _numbers(state, last, terms, me) | {
        "seconds_since_round": seconds,
        "refused_total": float(sum(len(line["refused"]) for line in lines)),
    }
    return Health(answer, numbers, alarms, warnings)


def _so_far(lines: Sequence[dict[str, Any]], terms: Terms) -> dict[str, Any]:
    return {
        "missed so far": _counts(lines, "missing"),
        "refused so far": _counts(lines, "refused"),
        "dropped by the guard": _dropped(lines) if terms.guard else "there is none",
        "payload bytes said": sum(line["payload_bytes"] for line in lines),
    }


def _numbers(state: str, last: dict[str, Any], terms: Terms, me: Member | None) -> dict[str, float]:
    return {
        "running": float(state == "running"),
        "finished": float(state == "finished"),
        "rounds_done": float(last["round"] + 1),
        "rounds_agreed": float(terms.rounds),
        "heard_last_round": float(len(last["heard"])),
        "missing_last_round": float(len(last["missing"])),
        "invite_version": float(terms.version),
        "certificate_days_left": days_left(me) if me else float("nan"),
        **budget_numbers(last),
    }


def _alarms(state: str, seconds: float, terms: Terms, me: Member | None) -> list[str]:
    """Why a monitor should call somebody; nothing of a member that has finished."""
    alarms = list[str]()
    if state == "stopped":
        alarms.append("it does not run, and rounds are left: start fedh2l join again")
    if state == "running" and seconds > STALLED * terms.deadline + 60:
        alarms.append(f"no round was finished for {seconds:.0f} s")
    if state != "finished" and me is not None and days_left(me) < 0:
        alarms.append(certificate_warning(me))
    return alarms


def _warnings(state: str, last: dict[str, Any], terms: Terms, me: Member | None) -> list[str]:
    """What can wait until tomorrow."""
    warnings = list[str]()
    # Before the first round there was nobody to hear.
    is_alone = last["round"] >= 0 and not last["heard"] and len(terms.members) > 1
    if state == "running" and is_alone:
        warnings.append("nobody else was heard in the last round")
    if (last.get("privacy") or {}).get("refused"):
        warnings.append("the privacy budget is used up: it learns from the seed set alone")
    if state != "finished" and me is not None and 0 <= days_left(me) < SOON:
        warnings.append(certificate_warning(me))
    return warnings


def _look_at_disk(folder: Path, alarms: list[str], warnings: list[str]) -> None:
    """Whether this disk takes what a member writes in each round."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if disk.f_flag & os.ST_RDONLY:
        alarms.append(f"the disk of {folder} is read-only: make it writable, and the run goes on")
    elif free < NOTHING:
        alarms.append(f"the disk of {folder} is full: free some space, and the run goes on")
    elif free < LITTLE:
        warnings.append(f"{size(int(free))} are left on the disk of {folder}")


def as_prometheus(health: Health) -> bytes:
    """The numbers in Prometheus' text format, for node-exporter's textfile collector."""
    return "".join(
        f"# TYPE fedh2l_{name} gauge\nfedh2l_{name} {value:.10g}\n"
        for name, value in health.numbers.items()
    ).encode()


def _counts(lines: Sequence[dict[str, Any]], key: str) -> Counter[str] | str:
    """In how many rounds each member was missing, or refused."""
    return Counter(name for line in lines for name in line[key]) or "nobody"


def _dropped(lines: Sequence[dict[str, Any]]) -> list[str]:
    """The members that this one's guard does not hear now: since when, and why."""
    verdicts = {v["sender"]: v for line in lines for v in line["verdicts"]}
    return [
        f"{name} since round {v['round']}: it {v['why']}"
        for name, v in sorted(verdicts.items())
        if v["dropped"]
    ]


def _me(folder: Path, terms: Terms) -> Member | None:
    """The member whose folder this is, as the terms have it."""
    name = next((p.stem for p in sorted(folder.glob("checkpoints/*/*.safetensors"))), "")
    return next((m for m in terms.members if m.name == name), None)


def _last_words(folder: Path) -> str:
    """The last line of the log: why it ended, if it has."""
    log = folder / "log.txt"
    if not log.exists():
        return "none"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        lines = file.read().decode(errors="replace").splitlines()
    return lines[-1] if lines else "none"
