"""A signed claim: a process of this member is running now.

Bytes: the process (29 characters), Ed25519 signature (64). What is signed is `fedh2l running 1`, 0,
the federation's id, 0, the member's name, 0, the challenge, and the process. The challenge is
random and from the one who wants to know, so that a claim of earlier proves nothing.
"""

import re
import secrets
from collections.abc import Callable

from fedh2l.live.trust.identity import verify

CHALLENGE = 16  # bytes
# The time at which a process began, so that earlier ones sort first, and a random part.
PROCESS = re.compile(rb"[0-9]{20}-[0-9a-f]{8}")
CLAIM = 29 + 64  # bytes


def new_process(epoch: int) -> str:
    """A name for the process that begins now; `epoch`: its number, later than any before."""
    return f"{epoch:020d}-{secrets.token_hex(4)}"


def new_challenge() -> bytes:
    return secrets.token_bytes(CHALLENGE)


def claim(
    sign: Callable[[bytes], bytes], federation: str, name: str, challenge: bytes, process: str
) -> bytes:
    """The claim that this process of the member runs."""
    return process.encode() + sign(_signed(federation, name, challenge, process.encode()))


def claimed_process(
    data: bytes, federation: str, name: str, *, key: str, challenge: bytes
) -> str | None:
    """The process in a claim; None where it is not signed by this member over this challenge."""
    process, signature = data[: CLAIM - 64], data[CLAIM - 64 :]
    if len(data) != CLAIM or not PROCESS.fullmatch(process) or len(challenge) != CHALLENGE:
        return None
    if not verify(key, signature, _signed(federation, name, challenge, process)):
        return None
    return process.decode()


def _signed(federation: str, name: str, challenge: bytes, process: bytes) -> bytes:
    return b"\0".join(
        (b"fedh2l running 1", federation.encode(), name.encode(), challenge + process)
    )
