"""`fedh2l invite upgrade`: the federation speaks the protocol of this release from now on."""

from pathlib import Path

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, hint, tell
from fedh2l.live.trust.identity import open_identity
from fedh2l.live.trust.invite import upgraded, write_version
from fedh2l.live.trust.terms import open_invite


def upgrade(invite: Path, *, identity: Path = DEFAULT_IDENTITY, as_json: Json = False) -> None:
    """A new version of the invite, in the protocol of this release. Members of an earlier release
    do not follow it, and say that they must upgrade.

    Parameters
    ----------
    invite
        The invite, which is replaced by its next version.
    identity
        The convener's folder of keys.
    as_json
        Answer in JSON.
    """
    me = open_identity(identity)
    write_version(invite, upgraded(open_invite(invite)), me)
    terms = open_invite(invite)
    tell({"version": terms.version, "protocol": terms.protocol}, as_json)
    hint(f"next: send {invite} to every member, once each has upgraded", as_json)
