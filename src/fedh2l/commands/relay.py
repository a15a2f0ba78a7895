"""`fedh2l relay`: carry posts between members behind NAT."""

import json
import sys
from datetime import datetime
from pathlib import Path

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json
from fedh2l.commands.signals import stop_on_signals
from fedh2l.error import FedH2LError
from fedh2l.live.trust.accepted import check_accepted
from fedh2l.live.trust.terms import open_invite


def relay(
    invite: Path,
    *,
    listen: str = "",
    identity: Path = DEFAULT_IDENTITY,
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
    from fedh2l.live.network.relay import relay as carry
    from fedh2l.live.trust.identity import open_identity

    stop_on_signals()
    terms, me = open_invite(invite), open_identity(identity)
    check_accepted(identity, terms)
    try:
        for state in carry(terms, me, out, listen):
            names, at = sorted(state.names), datetime.now().isoformat(" ", "seconds")
            text = f"{at}  connected: {', '.join(names) or 'nobody'} (version {state.version})"
            print(json.dumps(names) if as_json else text, flush=True)
        raise FedH2LError(
            f"{me.name}: no relay of this federation any more; the convener removed it"
        )
    except KeyboardInterrupt:
        print("\nrelay stopped", file=sys.stderr)
        sys.exit(130)
