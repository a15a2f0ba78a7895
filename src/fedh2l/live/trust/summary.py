"""The terms of a federation, and a member's key, as a person reads them."""

from dataclasses import asdict, is_dataclass
from typing import Any

from fedh2l.live.trust.terms import Terms


def summary(terms: Terms) -> dict[str, Any]:
    """The terms as a person reads them before accepting."""
    method = terms.method
    assert is_dataclass(method)
    parameters = ", ".join(f"{name} {value}" for name, value in asdict(method).items())
    members = [
        {"name": m.name, "address": m.address or "behind NAT", "key": key_print(m.key)}
        for m in terms.members
    ]
    relays = [{"name": r.name, "address": r.address} for r in terms.relays]

    return {
        "federation": terms.federation,
        "fingerprint": terms.fingerprint,
        "version": terms.version,
        "protocol": terms.protocol,
        "seed set": " ".join(terms.seed_set[i : i + 4] for i in range(0, 16, 4)),
        "classes": ", ".join(terms.classes[:20]),
        "method": f"{terms.algorithm}: {parameters}",
        "codec": terms.codec,
        "guard": _guard(terms),
        "rounds": terms.rounds,
        "a round closes": _closes(terms),
        "members": members,
        "relays": relays,
    }


def _guard(terms: Terms) -> str:
    if terms.guard:
        return "each member believes no other before its posteriors have earned it"
    return "none: what a member says is believed, also where it is wrong"


def _closes(terms: Terms) -> str:
    """When a round closes."""
    if terms.asynchronous:
        return "at once: each learns from the newest of the others"
    return (
        f"with all posts, or with {terms.quorum} and {terms.grace:g} s more, or after "
        f"{terms.deadline:g} s"
    )


def key_print(key: str) -> str:
    """A member's key as it is read out over the telephone."""
    return " ".join(key[i : i + 4] for i in range(0, 24, 4))
