"""`fedh2l doctor`, `relay` and `watch`: what stands beside a member that takes part."""

import json
import sys
from pathlib import Path

from fedh2l.live.commands import HERE, heed
from fedh2l.live.seedset_commands import Json
from fedh2l.live.terms import open_invite


def doctor(
    invite: Path,
    *,
    seeds: Path = Path("seeds.safetensors"),
    identity: Path = HERE,
    model: str | None = None,
    as_json: Json = False,
) -> None:
    """Will joining work? Keys, certificate, clock, port, each member, seed set, labels and a dry
    round. Exits with 1 if not.

    Parameters
    ----------
    invite
        The invite with you in it.
    seeds
        The seed set that came with the invite.
    identity
        The folder of your keys.
    model
        FILE.py:FUNCTION, as for join: one round with your model, with nothing sent.
    as_json
        Answer in JSON.
    """
    from fedh2l.live.doctor import examine

    found = list(examine(invite, identity, seeds, model))
    if as_json:
        print(json.dumps([f._asdict() for f in found], indent=1))
    else:
        for f in found:
            print(
                f"{'ok  ' if f.ok else 'FAIL'} {f.what}: {f.found}"
                + (f"\n     do this: {f.fix}" if f.fix else "")
            )
    if not all(f.ok for f in found):
        sys.exit(1)


def relay(
    invite: Path,
    *,
    listen: str = "",
    identity: Path = HERE,
    out: Path = Path("relay"),
    as_json: Json = False,
) -> None:
    """Carry posts between members behind NAT. A relay sees sizes and times, and can forge nothing.
    Ends with Ctrl-C.

    Parameters
    ----------
    invite
        The invite with this relay in it (fedh2l accept --relay, fedh2l invite add).
    listen
        host:port to listen at, where it is not the address in the invite: behind a forwarded port,
        or 0.0.0.0:7447.
    identity
        The folder of the relay's keys.
    out
        A folder for its certificate.
    as_json
        A line of JSON whenever the members connected change.
    """
    from fedh2l.live.identity import open_identity
    from fedh2l.live.relay import relay as carry

    heed()
    try:
        for names in carry(open_invite(invite), open_identity(identity), out, listen):
            print(
                json.dumps(sorted(names))
                if as_json
                else f"connected: {', '.join(sorted(names)) or 'nobody'}",
                flush=True,
            )
    except KeyboardInterrupt:
        print("\nrelay stopped", file=sys.stderr)
        sys.exit(130)


def watch(folder: Path, *, project: str = "fedh2l-live", once: bool = False) -> None:
    """A local page with accuracy, bytes, how far peers are apart, and who is here. Needs the extra
    `live` (trackio).

    Parameters
    ----------
    folder
        The --out of fedh2l join.
    project
        The page's name for this federation.
    once
        Take in what is there, and end.
    """
    from fedh2l.live.watch import watch as follow

    try:
        follow(folder, project, once=once)
    except KeyboardInterrupt:
        sys.exit(130)
