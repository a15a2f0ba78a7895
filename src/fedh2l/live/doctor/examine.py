"""All findings before joining; nothing is sent but handshakes."""

from collections.abc import Iterator
from pathlib import Path

from fedh2l.data.seedset_file import load_seed_set
from fedh2l.error import FedH2LError
from fedh2l.finding import Finding
from fedh2l.live.doctor.links import look_at_certificate, look_at_port, reach
from fedh2l.live.doctor.model import look_at_model, look_at_seed_set
from fedh2l.live.trust.accepted import check_accepted
from fedh2l.live.trust.identity import Identity, open_identity
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.summary import key_print
from fedh2l.live.trust.terms import Terms, open_invite


def examine(invite: Path, identity: Path, seeds: Path, model: str | None) -> Iterator[Finding]:
    """All findings, in the order in which they should be mended."""
    try:
        terms = open_invite(invite)
    except (FedH2LError, OSError) as error:
        yield Finding("invite", False, str(error), "ask the convener to send the invite again")
        return
    yield Finding(
        "invite",
        True,
        f"version {terms.version}, fingerprint {terms.fingerprint}, {len(terms.members)} members",
    )

    try:
        me = open_identity(identity)
        member = terms.member(me.name)
    except (FedH2LError, OSError) as error:
        yield Finding(
            "identity",
            False,
            str(error),
            "give --identity the folder of your keys; fedh2l accept makes them",
        )
        return
    yield _acceptance(terms, identity)
    yield _key(member, me)
    yield from look_at_certificate(terms, member, me)
    yield look_at_port(member)
    for other in (*terms.members, *terms.relays):
        if other.name != me.name:
            yield reach(terms, member, other, me)

    try:
        seed_set = load_seed_set(seeds)
    except (FedH2LError, OSError) as error:
        yield Finding(
            "seed set", False, str(error), "give --seed-set the file that came with the invite"
        )
        return
    yield from look_at_seed_set(terms, seed_set)
    if model is not None:
        yield from look_at_model(terms, me.name, seed_set, model)


def _acceptance(terms: Terms, identity: Path) -> Finding:
    try:
        check_accepted(identity, terms)
    except FedH2LError as error:
        fix = "do not join; compare the fingerprint with the convener, over the telephone"
        return Finding("federation", False, str(error), fix)
    return Finding("federation", True, f"{terms.federation}, the one that was accepted")


def _key(member: Member, me: Identity) -> Finding:
    if member.key == me.public:
        return Finding("key", True, f"{me.name}, {key_print(me.public)}")
    return Finding(
        "key",
        False,
        f"here {key_print(me.public)}, in the invite {key_print(member.key)}",
        "give the --identity with which you accepted, or ask to be removed and accept anew",
    )
