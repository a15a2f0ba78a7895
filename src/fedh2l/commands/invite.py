"""`fedh2l invite`: the members of a federation, and its terms."""

from collections.abc import Callable
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.config import Env

from fedh2l.algorithms import ALGORITHMS
from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, SeedSetFile, hint, tell
from fedh2l.commands.environment import check_flags
from fedh2l.commands.flags import value_of
from fedh2l.data.seedset_file import load_seed_set
from fedh2l.error import FedH2LError, choose
from fedh2l.live.trust.answer import read_answer
from fedh2l.live.trust.identity import open_identity
from fedh2l.live.trust.invite import admit, convene, without, write_version
from fedh2l.live.trust.method import check_is_live
from fedh2l.live.trust.summary import key_print, summary
from fedh2l.live.trust.terms import open_invite
from fedh2l.record.atomic import write_file
from fedh2l.wire import CODEC, CODECS

PREFIX = "FEDH2L_INVITE_NEW_"  # of its environment variables


def new(*words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]) -> None:
    """Convene a federation: write an invite with yourself as its first member."""
    # The flags of this command depend on the method that is named among them.
    app = App(
        name="fedh2l invite new",
        help_format="plaintext",
        help_epilogue="The flags are those of the method that is named by --algorithm.",
        config=[Env(PREFIX, command=False, show=False)],
    )
    app.default(_command(value_of("algorithm", words, PREFIX) or "fedh2l"))
    check_flags(app, PREFIX)
    app([*words], exit_on_error=False, print_error=False)


def _command(algorithm: str) -> Callable[..., None]:
    """`convene_with` for the command line: its flags are those of this method, too."""
    kind = ALGORITHMS[algorithm]
    check_is_live(algorithm, kind)

    def command(*arguments: Any, **options: Any) -> None:
        convene_with(*arguments, **{"algorithm": algorithm, "method": kind()} | options)

    flags = dict(signature(convene_with).parameters)
    flags["algorithm"] = flags["algorithm"].replace(default=algorithm)
    of_method = Annotated[kind, Parameter(name="*")]
    flags["method"] = flags["method"].replace(annotation=of_method, default=kind())
    command.__signature__ = Signature([*flags.values()])  # type: ignore[attr-defined]
    command.__annotations__ = {name: flag.annotation for name, flag in flags.items()}
    command.__doc__ = convene_with.__doc__
    return command


def convene_with(
    invite: Path,
    *,
    name: str,
    seed_set: SeedSetFile,
    address: str = "",
    identity: Path = DEFAULT_IDENTITY,
    rounds: int = 100,
    quorum: int = 2,
    grace: float = 10.0,
    deadline: float = 600.0,
    asynchronous: bool = False,
    guard: bool = False,
    codec: str = CODEC,
    algorithm: str = "",
    method: Any = None,
    as_json: Json = False,
) -> None:
    """Convene a federation: write an invite with yourself as its first member. Send it, and the
    seed set, to the others.

    Parameters
    ----------
    invite
        The file to write.
    name
        Your organisation: letters, digits, '_' or '-'.
    seed_set
        The seed set (fedh2l seedset build).
    address
        host:port at which the others reach you; leave it out behind NAT, where a relay is
        needed.
    identity
        The folder of your keys, made now. It holds the federation's authority too: keep a copy,
        show it to nobody.
    rounds
        Rounds of the federation.
    quorum
        Posts, your own among them, with which a round may close.
    grace
        Seconds that a round waits for the rest after its quorum.
    deadline
        Seconds after which a round closes with what is there.
    asynchronous
        No barrier: nobody waits, and each learns from the newest of the others, the less the
        older it is.
    guard
        Each member believes no other before its posteriors have earned it; its log and status say
        whom it dropped, when and why.
    algorithm
        The method: its own flags are among those below.
    codec
        Posteriors as bytes: lattice, adaptive, uint8, float16, float32, or hard (likeliest class).
    as_json
        Answer in JSON.
    """
    if invite.exists():
        raise FedH2LError(
            f"{invite}: exists already; add members to it with fedh2l invite add, or choose "
            "another name"
        )
    choose("codec", codec, CODECS)
    data = convene(
        identity,
        name,
        address,
        load_seed_set(seed_set),
        method,
        codec,
        rounds=rounds,
        quorum=quorum,
        grace=grace,
        deadline=deadline,
        asynchronous=asynchronous,
        guard=guard,
    )
    write_file(invite, data)
    tell(summary(open_invite(invite)) | {"file": str(invite)}, as_json)
    hint(
        f"next: send {invite} and {seed_set} to the others; each runs  fedh2l accept {invite} "
        f"--name THEIRS --seed-set {seed_set}",
        as_json,
    )


def add(
    invite: Path, answers: list[Path], *, identity: Path = DEFAULT_IDENTITY, as_json: Json = False
) -> None:
    """Take members or relays in: a new version of the invite, signed by you. Running members take
    it up between two rounds.

    Compare each key with its owner over the telephone: the certificate says that this name has this
    key.

    Parameters
    ----------
    invite
        The invite, which is replaced by its next version.
    answers
        The files that they sent back.
    identity
        The convener's folder of keys.
    as_json
        Answer in JSON.
    """
    replies = [read_answer(a.read_bytes()) for a in answers]
    me = open_identity(identity)
    write_version(invite, admit(open_invite(invite), me, replies), me)

    newcomers = [{"name": reply.name, "key": key_print(reply.key)} for reply in replies]
    tell({"added": newcomers, "version": open_invite(invite).version}, as_json)
    hint(
        f"next: send {invite} to every member; each runs  fedh2l doctor {invite}  and  fedh2l "
        f"join {invite}",
        as_json,
    )


def remove(
    invite: Path, name: str, *, identity: Path = DEFAULT_IDENTITY, as_json: Json = False
) -> None:
    """Take a member or a relay out: a new version of the invite.

    Parameters
    ----------
    invite
        The invite, which is replaced by its next version.
    name
        The member or relay that leaves.
    identity
        The convener's folder of keys.
    as_json
        Answer in JSON.
    """
    me = open_identity(identity)
    write_version(invite, without(open_invite(invite), name), me)
    tell({"removed": name, "version": open_invite(invite).version}, as_json)


def show(invite: Path, *, as_json: Json = False) -> None:
    """The terms, after the convener's signature was checked.

    Parameters
    ----------
    invite
        An invite.
    as_json
        Answer in JSON.
    """
    tell(summary(open_invite(invite)), as_json)
