"""A member's answer to an invite, signed with the key that it is about; no secret is in it."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from fedh2l.live.trust.canonical import canonical
from fedh2l.live.trust.identity import Identity, verify
from fedh2l.live.trust.protocol import OLDEST, PROTOCOL
from fedh2l.live.trust.rules import (
    HEX,
    TermsError,
    check,
    check_entries,
    is_address,
    is_name,
    is_protocol,
    is_succession,
    parsed,
)
from fedh2l.live.trust.statement import state
from fedh2l.live.trust.terms import Terms


@dataclass(frozen=True)
class Answer:
    """The reply that a member, or a relay, sends back to the convener."""

    federation: str
    name: str
    key: str
    address: str
    request: str  # PEM: the link key, to be certified
    relay: bool
    oldest: int  # protocol that its release speaks
    newest: int
    statement: str  # of its address and keys, for the other members
    succession: str  # from its earlier keys to this one; empty: it is its first


def check_address(address: str) -> None:
    """Raise TermsError for an address that a member cannot have."""
    check(is_address(address), f"address {address!r}: expected host:port, or nothing behind NAT")
    check(
        not address.startswith("["),
        f"address {address!r}: links to a number of IPv6 are never made; give a name that has an "
        "AAAA record, or a number of IPv4",
    )


def hosts(address: str) -> list[str]:
    """The host in an address, as a list for a certificate; empty behind NAT."""
    return [address.rpartition(":")[0].strip("[]")] if address else []


def answer(terms: Terms, me: Identity, address: str, *, relay: bool, succession: str = "") -> bytes:
    """The answer of a member that accepts the terms, signed with the key that it is about.

    `succession`: from the key in the terms to that key, where it is another.
    """
    before = next((m.succession for m in terms.members if m.key == me.public), "")
    check_address(address)
    check(bool(address) or not relay, "a relay needs an --address: the others dial it")
    reply = Answer(
        federation=terms.federation,
        name=me.name,
        key=me.public,
        address=address,
        request=me.request(hosts(address)),
        relay=relay,
        oldest=OLDEST,
        newest=PROTOCOL,
        statement=state(me, terms.federation, address),
        succession=succession or before,
    )
    entries = asdict(reply)
    signature = me.sign(b"fedh2l answer\n" + canonical(entries)).hex()
    return json.dumps({"answer": entries, "signature": signature}, indent=1).encode()


def read_answer(data: bytes) -> Answer:
    """The answer in these bytes. Raises TermsError where malformed, or not signed by its key."""
    outer = parsed(data, {"answer", "signature"}, "answer")
    entries, signature = outer["answer"], outer["signature"]
    rules: dict[str, Any] = {
        "federation": lambda v: isinstance(v, str),
        "name": is_name,
        "address": is_address,
        "relay": lambda v: isinstance(v, bool),
        "oldest": is_protocol,
        "newest": is_protocol,
        "key": lambda v: isinstance(v, str) and len(v) == 64 and bool(HEX.fullmatch(v)),
        "request": lambda v: isinstance(v, str),
        "statement": lambda v: isinstance(v, str) and len(v) == 128 and bool(HEX.fullmatch(v)),
        "succession": is_succession,
    }
    check_entries(entries, rules, "answer")

    reply = Answer(**entries)
    check(
        isinstance(signature, str) and len(signature) == 128 and bool(HEX.fullmatch(signature)),
        "the answer's signature is malformed",
    )
    if not verify(reply.key, bytes.fromhex(signature), b"fedh2l answer\n" + canonical(entries)):
        raise TermsError(
            f"{reply.name}: its answer is not signed by the key in it; ask for a new one"
        )
    return reply
