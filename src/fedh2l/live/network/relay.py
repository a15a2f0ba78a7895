"""A relay: it carries posts between members that cannot reach each other.

It sees sizes and times, and can forge nothing.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import zenoh

from fedh2l.live.network.link import open_relay, root
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.terms import Terms


def relay(
    terms: Terms, identity: Identity, folder: Path, listen: str = ""
) -> Iterator[frozenset[str]]:
    """Carry posts until the iterator is closed. Yields the names of the members that are connected:
    at once, and whenever they change.

    `listen`: host:port here, where it is not the address in the invite (behind a forwarded port, or
    0.0.0.0:7447).
    """
    at = listen or next((r.address for r in terms.relays if r.name == identity.name), "")
    session = open_relay(terms, identity, folder, name=identity.name, listen=at)
    try:
        tokens = session.liveliness().declare_subscriber(f"{root(terms)}/*/alive/*", history=True)
        keys, last_names = set[str](), None
        while True:
            while (sample := tokens.try_recv()) is not None:
                change = keys.add if sample.kind == zenoh.SampleKind.PUT else keys.discard
                change(str(sample.key_expr))
            names = frozenset(key.removeprefix(f"{root(terms)}/").partition("/")[0] for key in keys)
            if names != last_names:
                last_names = names
                yield names
            time.sleep(0.2)
    finally:
        session.close()
