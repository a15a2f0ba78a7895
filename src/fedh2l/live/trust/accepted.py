"""The federations that a member has accepted, in the folder of its keys: a person has compared
their fingerprints, so an invite to any other is refused.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from fedh2l.error import FedH2LError
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import Terms
from fedh2l.record.atomic import sync_folder, write_file

FILE = "accepted.json"


@dataclass(frozen=True)
class Accepted:
    """What may never change in a federation."""

    convener: str  # hex of its Ed25519 key
    authority: str  # SHA-256 of its certificate

    @classmethod
    def of(cls, terms: Terms) -> "Accepted":
        return cls(terms.convener, sha256(terms.authority.encode()).hexdigest())


def remember(folder: Path, terms: Terms) -> None:
    """Note that the owner of the keys in this folder has accepted this federation.

    Raises TermsError where the same federation was accepted by another convener or authority.
    """
    known = _read(folder)
    _compare(known.get(terms.federation), terms)
    if terms.federation not in known:
        known[terms.federation] = Accepted.of(terms)
        entries = {federation: asdict(accepted) for federation, accepted in known.items()}
        write_file(folder / FILE, json.dumps(entries, indent=1).encode() + b"\n")
        sync_folder(folder)


def check_accepted(folder: Path, terms: Terms) -> None:
    """Raise TermsError for an invite to a federation that was not accepted with these keys."""
    known = _read(folder).get(terms.federation)
    if known is None:
        raise TermsError(
            f"federation {terms.federation} was never accepted with the keys in {folder}; if you "
            "expected another one, somebody has swapped the invite: ask the convener for it again. "
            "If it is a new one, run fedh2l accept and compare its fingerprint"
        )
    _compare(known, terms)


def _compare(known: Accepted | None, terms: Terms) -> None:
    if known is None or known == Accepted.of(terms):
        return
    whose = "convener" if known.convener != terms.convener else "authority"
    raise TermsError(
        f"the invite names federation {terms.federation}, which you have accepted, but another "
        f"{whose} than you accepted: it is not that federation's; ask the convener for it again"
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
