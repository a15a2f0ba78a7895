"""`fedh2l doctor`: will joining work?"""

import json
import sys
from pathlib import Path

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, SeedSetFile


def doctor(
    invite: Path,
    *,
    seed_set: SeedSetFile = Path("seeds.safetensors"),
    identity: Path = DEFAULT_IDENTITY,
    model: str | None = None,
    as_json: Json = False,
) -> None:
    """Will joining work? Keys, certificate, clock, port, each member, seed set, labels and a dry
    round. Exits with 1 if not.

    Parameters
    ----------
    invite
        The invite with you in it.
    seed_set
        The seed set that came with the invite.
    identity
        The folder of your keys.
    model
        FILE.py:FUNCTION, as for join: one round with your model, with nothing sent.
    as_json
        Answer in JSON.
    """
    from fedh2l.live.doctor.examine import examine

    found = list(examine(invite, identity, seed_set, model))
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
