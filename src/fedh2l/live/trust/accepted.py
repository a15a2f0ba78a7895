"""The federations that a member has accepted, in the folder of its keys: a person has compared
their fingerprints, so an invite to any other is refused.
"""

import json
from dataclasses import asdict, dataclass, is_dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.summary import key_print
from fedh2l.live.trust.terms import Terms
from fedh2l.record.atomic import sync_folder, write_file

FILE = "accepted.json"
# The terms that touch the learning: another value needs the consent of each member's owner.
LEARNING = ("algorithm", "rounds", "quorum", "grace", "deadline", "asynchronous", "guard")


@dataclass(frozen=True)
class Accepted:
    """A federation as the owner of the keys has seen it."""

    convener: str  # hex of its Ed25519 key, which never changes
    authority: str  # SHA-256 of its certificate, which never changes
    learning: dict[str, Any]
    keys: dict[str, str]  # hex of the key of every member that was ever seen, by name

    @property
    def ruler(self) -> str:
        """A fingerprint of convener and authority, to be read out over the telephone."""
        digest = sha256(f"{self.convener} {self.authority}".encode()).hexdigest()
        return " ".join(digest[i : i + 4] for i in range(0, 16, 4))

    @classmethod
    def of(cls, terms: Terms) -> "Accepted":
        return cls(
            terms.convener,
            sha256(terms.authority.encode()).hexdigest(),
            {name: getattr(terms, name) for name in LEARNING} | _parameters(terms),
            {m.name: m.key for m in terms.members},
        )


def _parameters(terms: Terms) -> dict[str, Any]:
    """The method's parameters, those among them that the terms leave at their defaults, too."""
    method = terms.method
    assert is_dataclass(method)
    return asdict(method)


def remember(folder: Path, terms: Terms, *, may_take_over: bool = False) -> None:
    """Note that the owner of the keys in this folder has accepted this version of the terms.

    Raises TermsError where the same federation was accepted by another convener or authority;
    unless it may take over, since a person has compared both fingerprints.
    """
    known = _read(folder)
    if not may_take_over:
        _compare(known.get(terms.federation), terms)
    now, before = Accepted.of(terms), known.get(terms.federation)
    # A name that comes back with another key after it was removed is noticed, too.
    keys = (before.keys if before else {}) | now.keys
    _write(folder, known, terms.federation, replace(now, keys=keys))


def note_members(folder: Path, terms: Terms) -> None:
    """Note the keys of the members that have come; another key of one that was noted before only
    where that one has signed it.
    """
    known = _read(folder)
    before = known[terms.federation]
    # A key that the one before has signed is noted without a person's consent.
    keys = before.keys | {
        m.name: m.key
        for m in terms.members
        if m.had_key(before.keys.get(m.name, m.key), terms.federation)
    }
    _write(folder, known, terms.federation, replace(before, keys=keys))


def new_ruler(folder: Path, terms: Terms) -> tuple[str, str] | None:
    """The fingerprints of the convener and authority that were accepted, and of those in these
    terms; None where they are the same.
    """
    known, now = _known(folder, terms), Accepted.of(terms)
    if (known.convener, known.authority) == (now.convener, now.authority):
        return None
    return known.ruler, now.ruler


def changes(folder: Path, terms: Terms) -> list[str]:
    """What these terms change of those that were accepted, as far as it touches the learning or
    the key of a member: each change in words.
    """
    known, now = _known(folder, terms), Accepted.of(terms)
    names = sorted(known.learning.keys() | now.learning.keys())
    words = [
        f"{name} {known.learning.get(name)} becomes {now.learning.get(name)}"
        for name in names
        if known.learning.get(name) != now.learning.get(name)
    ]
    return words + [
        f"{m.name} has another key, {key_print(m.key)}; it was {key_print(known.keys[m.name])}"
        for m in terms.members
        if not m.had_key(known.keys.get(m.name, m.key), terms.federation)
    ]


def _write(folder: Path, known: dict[str, Accepted], federation: str, accepted: Accepted) -> None:
    if known.get(federation) != accepted:
        known[federation] = accepted
        entries = {name: asdict(entry) for name, entry in known.items()}
        write_file(folder / FILE, json.dumps(entries, indent=1).encode() + b"\n")
        sync_folder(folder)


def check_accepted(folder: Path, terms: Terms) -> None:
    """Raise TermsError for an invite to a federation that was not accepted with these keys."""
    _compare(_known(folder, terms), terms)


def _known(folder: Path, terms: Terms) -> Accepted:
    known = _read(folder).get(terms.federation)
    if known is None:
        raise TermsError(
            f"federation {terms.federation} was never accepted with the keys in {folder}; if you "
            "expected another one, somebody has swapped the invite: ask the convener for it again. "
            "If it is a new one, run fedh2l accept and compare its fingerprint"
        )
    return known


def _compare(known: Accepted | None, terms: Terms) -> None:
    now = Accepted.of(terms)
    if known is None or (known.convener, known.authority) == (now.convener, now.authority):
        return
    whose = "convener" if known.convener != terms.convener else "authority"
    raise TermsError(
        f"the invite names federation {terms.federation}, which you have accepted, but another "
        f"{whose} than you accepted: ask the convener for it again; only if it tells you that the "
        "role was passed on: fedh2l consent INVITE"
    )


def _read(folder: Path) -> dict[str, Accepted]:
    path = folder / FILE
    try:
        entries = json.loads(path.read_bytes())
        return {str(federation): Accepted(**accepted) for federation, accepted in entries.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise FedH2LError(
            f"{path}: damaged ({error}); restore it from a copy, or delete it and run fedh2l "
            "accept again for each federation"
        ) from error
