"""`fedh2l consent`: see what a new version of the invite changes, and let it be taken up."""

import sys
from pathlib import Path

from fedh2l.commands.accept import compare_fingerprints
from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, tell
from fedh2l.error import FedH2LError
from fedh2l.live.trust.accepted import changes, new_ruler, remember
from fedh2l.live.trust.terms import open_invite


def consent(
    invite: Path,
    *,
    identity: Path = DEFAULT_IDENTITY,
    yes: bool = False,
    fingerprint: str | None = None,
    as_json: Json = False,
) -> None:
    """See what a new version of the invite changes in the learning, in the members' keys, or of who
    convenes, and let it be taken up. A member that runs takes it up between two rounds.

    Parameters
    ----------
    invite
        The new version; a member that runs keeps it as pending.json in its folder.
    identity
        The folder of your keys.
    yes
        Consent without being asked; another convener or authority needs the fingerprint as well.
    fingerprint
        That of the new convener and authority, as it was read out to you: compared, and nobody is
        asked.
    as_json
        Answer in JSON.
    """
    terms = open_invite(invite)
    rulers = new_ruler(identity, terms)
    if rulers is not None:
        tell({"convener and authority so far": rulers[0], "from now on": rulers[1]}, as_json)
        compare_fingerprints(rulers[1], fingerprint, yes=False)
    wanted = changes(identity, terms)
    if wanted and not yes:
        if not sys.stdin.isatty():
            raise FedH2LError(
                f"version {terms.version} changes {'; '.join(wanted)}: give --yes if you consent"
            )
        tell({"version": terms.version, "changes": wanted}, as_json)
        try:
            reply = input("Do you consent, and have you compared changed keys with their owners? ")
        except (EOFError, KeyboardInterrupt):  # Ctrl-D, Ctrl-C
            reply = "no"
        if reply.strip().lower() not in ("yes", "y"):
            raise FedH2LError("no consent; nothing was written, and the version before goes on")
    remember(identity, terms, may_take_over=rulers is not None)
    tell({"version": terms.version, "consented to": wanted or "nothing that needs it"}, as_json)
