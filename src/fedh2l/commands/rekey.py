"""`fedh2l rekey`: new keys of a member, signed by the present ones."""

from pathlib import Path

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, hint, tell
from fedh2l.live.trust.accepted import check_accepted
from fedh2l.live.trust.answer import read_answer
from fedh2l.live.trust.identity import open_identity
from fedh2l.live.trust.next_keys import answer_with_next_keys
from fedh2l.live.trust.summary import key_print
from fedh2l.live.trust.terms import open_invite
from fedh2l.record.atomic import write_file


def rekey(
    invite: Path,
    *,
    address: str = "",
    identity: Path = DEFAULT_IDENTITY,
    out: Path | None = None,
    as_json: Json = False,
) -> None:
    """Make your next keys, signed by the present ones, and write the answer that the convener
    needs. They take the place of the present ones once a version of the invite has them; a member
    that runs takes them up between two rounds.

    Parameters
    ----------
    invite
        The newest version of the invite.
    address
        host:port at which the others reach you, where that changes too.
    identity
        The folder of your keys.
    out
        The answer's file; by default NAME.answer.json.
    as_json
        Answer in JSON.
    """
    terms, me = open_invite(invite), open_identity(identity)
    check_accepted(identity, terms)
    data = answer_with_next_keys(terms, me, address)
    path = out or Path(f"{me.name}.answer.json")
    write_file(path, data)
    keys = {"present key": key_print(me.public), "next key": key_print(read_answer(data).key)}
    tell({"answer": str(path)} | keys, as_json)
    hint(
        f"next: send {path} to the convener, who runs  fedh2l invite add {invite} {path}, and read "
        "your next key out over the telephone",
        as_json,
    )
