"""`fedh2l invite take-over`: the convener's role, or a lost authority, is passed on."""

from pathlib import Path

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, hint, tell
from fedh2l.live.trust.accepted import new_ruler, remember
from fedh2l.live.trust.identity import open_identity
from fedh2l.live.trust.invite import write_version
from fedh2l.live.trust.take_over import take_over as taken_over
from fedh2l.live.trust.terms import open_invite


def take_over(invite: Path, *, identity: Path = DEFAULT_IDENTITY, as_json: Json = False) -> None:
    """Convene from now on, as a member, or as the convener that has lost its authority: a new
    version of the invite, with a new authority. At each member a person has to consent to it.

    Parameters
    ----------
    invite
        The newest version of the invite, which is replaced by the next.
    identity
        The folder of your keys, in which the new authority is made: keep a copy of it.
    as_json
        Answer in JSON.
    """
    me, terms = open_identity(identity), open_invite(invite)
    later = taken_over(terms, me)
    rulers = new_ruler(identity, later)
    write_version(invite, later, me)
    remember(identity, later, may_take_over=True)
    answer = {"version": later.version, "convener": me.name}
    if rulers is not None:
        answer |= {"convener and authority so far": rulers[0], "from now on": rulers[1]}
    tell(answer, as_json)
    hint(
        f"next: send {invite} to every member and relay, and read the new fingerprint out over the "
        f"telephone; each runs  fedh2l consent {invite}",
        as_json,
    )
