"""A member's session on the network: mutual TLS with the convener's authority, and access control
that allows only what the terms say.
"""

import json
import os
from pathlib import Path
from typing import Any

import zenoh

from fedh2l.error import FedH2LError
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.terms import Terms
from fedh2l.record.atomic import write_file

LARGEST_MESSAGE = 8 << 20  # bytes; a larger one is dropped before it is put together
LEASE = 3000  # milliseconds after which a silent link is given up
# Milliseconds for which a member without an address tries its relays before it begins anew.
ATTEMPT = 2000
# Closing a dead link blocks one thread for 10 s (SO_LINGER); the others must go on.
THREADS = "(rx: (worker_threads: 8), tx: (worker_threads: 4))"
OWN = ["put", "delete", "reply", "liveliness_token", "declare_queryable"]
READ = ["declare_subscriber", "query", "declare_liveliness_subscriber", "liveliness_query"]


def root(terms: Terms) -> str:
    """The prefix of this federation's keys; below it, a member writes under its own name only."""
    return f"fedh2l/{terms.federation}"


def open_link(terms: Terms, identity: Identity, folder: Path, listen: str = "") -> zenoh.Session:
    """The session of a member. A member with an address listens, and connects to all others; a
    member without one is a client of the relays. `listen`: where it listens, if not there.
    """
    me = terms.member(identity.name)
    others = [m.address for m in (*terms.members, *terms.relays) if m.address and m.name != me.name]
    if not me.address:
        others = [r.address for r in terms.relays]
        if not others:
            raise FedH2LError(
                f"{me.name}: no address and no relay in the invite; ask the convener for one of "
                "them"
            )
    mode, listen = ("peer", listen or me.address) if me.address else ("client", "")
    return _open(
        terms,
        me,
        identity,
        folder,
        mode=mode,
        listen=listen,
        others=others,
    )


def open_relay(
    terms: Terms, identity: Identity, folder: Path, *, name: str, listen: str
) -> zenoh.Session:
    """The session of a relay: it carries the members' posts and can say nothing in their names."""
    for relay in terms.relays:
        if relay.name == name:
            others = [r.address for r in terms.relays if r.name < name]
            return _open(
                terms, relay, identity, folder, mode="router", listen=listen, others=others
            )
    raise FedH2LError(
        f"{name}: not a relay of this invite; its relays are "
        f"{', '.join(r.name for r in terms.relays) or 'none'}"
    )


def _open(
    terms: Terms,
    me: Member,
    identity: Identity,
    folder: Path,
    *,
    mode: str,
    listen: str,
    others: list[str],
) -> zenoh.Session:
    os.environ.setdefault("ZENOH_RUNTIME", THREADS)
    zenoh.init_log_from_env_or("off")  # Zenoh's log goes to the user's screen

    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "authority.pem", terms.authority.encode())
    write_file(folder / "link.pem", me.certificate.encode())
    files = {"root_ca_certificate": folder / "authority.pem"}
    for side in ("listen", "connect"):
        files |= {
            f"{side}_certificate": folder / "link.pem",
            f"{side}_private_key": identity.link_key,
        }
    paths = {k: str(v.resolve()) for k, v in files.items()}
    config = configuration(mode, listen, others, files=paths, allowed=access(terms))

    while True:
        try:
            return zenoh.open(zenoh.Config.from_json5(json.dumps(config)))
        except zenoh.ZError as error:
            # No relay is up yet: try again. Ctrl-C ends it between two attempts.
            if mode == "client" and "Unable to connect" in str(error):
                continue
            at = listen or "its relays"
            raise FedH2LError(
                f"{me.name}: cannot open its links at {at} ({_plain(error)}); run fedh2l doctor"
            ) from error


def configuration(
    mode: str, listen: str, others: list[str], files: dict[str, str], allowed: dict[str, Any]
) -> dict[str, Any]:
    """Zenoh's configuration. Only tests give it other files or rules than those of the terms."""
    patience = ATTEMPT if mode == "client" else -1
    retry = {"period_init_ms": 500, "period_max_ms": 2000, "period_increase_factor": 1.5}
    return {
        "mode": mode,
        "listen": {"endpoints": [f"tls/{listen}"] if listen else []},
        "connect": {
            "endpoints": [f"tls/{a}" for a in others],
            "exit_on_failure": False,
            "timeout_ms": patience,
            "retry": retry,
        },
        # A member that gossips an address would make the others dial it, within their own networks.
        "scouting": {"multicast": {"enabled": False}, "gossip": {"enabled": False}},
        "transport": {
            "shared_memory": {"enabled": False},
            "link": {
                "protocols": ["tls"],
                "rx": {"max_message_size": LARGEST_MESSAGE},
                "tx": {
                    "lease": LEASE,
                    "queue": {"congestion_control": {"block": {"wait_before_close": 500_000}}},
                },
                "tls": files
                | {
                    "enable_mtls": True,
                    "verify_name_on_connect": True,
                    "close_link_on_expiration": True,
                },
            },
        },
        "access_control": allowed,
    }


def access(terms: Terms) -> dict[str, Any]:
    """Zenoh's access control: a member writes under its own name and reads everything, a relay
    hands everything on, and nothing else is allowed.

    Behind a relay there is no name to check: there only the signatures of the posts count.
    """
    all_keys = [f"{root(terms)}/**"]
    rules = [_rule("read", "ingress", READ, all_keys), _rule("out", "egress", OWN + READ, all_keys)]
    if terms.relays:
        rules.append(_rule("carry", "ingress", OWN, all_keys))
    for m in terms.members:
        rules.append(_rule(f"own-{m.name}", "ingress", OWN, [f"{root(terms)}/{m.name}/**"]))

    own_rules = [(m, f"own-{m.name}") for m in terms.members]
    own_rules += [(r, "carry") for r in terms.relays]
    subjects, policies = [], []
    for m, own in own_rules:
        subjects.append({"id": m.name, "cert_common_names": [m.name]})
        policies.append({"id": m.name, "rules": [own, "read", "out"], "subjects": [m.name]})
    return {
        "enabled": True,
        "default_permission": "deny",
        "rules": rules,
        "subjects": subjects,
        "policies": policies,
    }


def _rule(name: str, flow: str, messages: list[str], keys: list[str]) -> dict[str, Any]:
    return {
        "id": name,
        "permission": "allow",
        "flows": [flow],
        "messages": messages,
        "key_exprs": keys,
    }


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
