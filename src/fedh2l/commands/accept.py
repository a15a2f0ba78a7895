"""`fedh2l accept`: see the terms, compare the fingerprint, make the keys, answer."""

import sys
from pathlib import Path

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, SeedSetFile, hint, tell
from fedh2l.data.seedset_file import load_seed_set
from fedh2l.error import FedH2LError
from fedh2l.live.trust.accepted import remember
from fedh2l.live.trust.answer import answer
from fedh2l.live.trust.invite import identity_in
from fedh2l.live.trust.summary import key_print, summary
from fedh2l.live.trust.terms import open_invite
from fedh2l.record.atomic import write_file


def accept(
    invite: Path,
    *,
    name: str,
    seed_set: SeedSetFile | None = None,
    address: str = "",
    identity: Path = DEFAULT_IDENTITY,
    out: Path | None = None,
    relay: bool = False,
    fingerprint: str | None = None,
    yes: bool = False,
    as_json: Json = False,
) -> None:
    """Accept an invite: see its terms, make your keys here, write the answer that the convener
    needs. No secret is in it.

    Parameters
    ----------
    invite
        The invite that the convener sent.
    name
        Your organisation: letters, digits, '_' or '-'.
    seed_set
        The seed set that you were sent; it must be the one of the terms.
    address
        host:port at which the others reach you; leave it out behind NAT.
    identity
        The folder of your keys, made now. They never leave it.
    out
        The answer's file; by default NAME.answer.json.
    relay
        Not a member, but a relay for members behind NAT: it learns nothing and needs no seed set.
    fingerprint
        The terms' fingerprint as the convener read it out: compared, and nobody is asked.
    yes
        Accept without being asked; only where you trust the way by which the invite came.
    as_json
        Answer in JSON.
    """
    terms = open_invite(invite)
    if seed_set is None and not relay:
        raise FedH2LError(
            "--seed-set is missing: give the seed set that came with the invite, so that it can be "
            "compared with the terms"
        )
    if seed_set is not None:
        seeds = load_seed_set(seed_set)
        if seeds.digest != terms.seed_set:
            raise FedH2LError(
                f"{seed_set}: its fingerprint is {seeds.fingerprint}, the terms have "
                f"{terms.seed_set[:16]}; ask for the file"
            )

    if not as_json:
        tell(summary(terms), as_json)
    compare_fingerprints(terms.fingerprint, fingerprint, yes)

    me = identity_in(identity, name)
    remember(identity, terms)
    path = out or Path(f"{name}.answer.json")
    write_file(path, answer(terms, me, address, relay=relay))
    tell(
        {"answer": str(path), "key": key_print(me.public), "fingerprint": terms.fingerprint},
        as_json,
    )
    hint(f"next: send {path} to the convener, and read your key out over the telephone", as_json)


def compare_fingerprints(of_invite: str, of_convener: str | None, yes: bool) -> None:
    """Refuse an invite whose fingerprint is not the one that the convener read out.

    `of_convener`: as given on the command line; None: a person is asked, unless `yes`.
    """
    if of_convener is not None:
        if of_convener.replace(" ", "").lower() != of_invite.replace(" ", ""):
            raise FedH2LError(
                f"the invite's fingerprint is {of_invite}, you were told {of_convener}: it is not "
                "the convener's; ask for it again"
            )
        return
    if yes:
        return
    if not sys.stdin.isatty():
        raise FedH2LError(
            f"the fingerprint is {of_invite}: compare it with the convener, then give "
            f"--fingerprint '{of_invite}'"
        )

    try:
        reply = input(f"Does the convener read out the fingerprint {of_invite}? [yes/no] ")
    except (EOFError, KeyboardInterrupt):  # Ctrl-D, Ctrl-C
        reply = "no"
    if reply.strip().lower() not in ("yes", "y"):
        raise FedH2LError("not accepted; nothing was written")
