"""One member on the network: the objects that the parts of its exchange share, by name."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fedh2l.live.network.mailbox import Mailbox
from fedh2l.live.posts.register import Register
from fedh2l.live.trust.terms import Terms


class Traffic(NamedTuple):
    """Bytes that this member gave to the network for one other member, and got from it: payloads,
    envelopes, announcements.
    """

    sent: int
    received: int


@dataclass
class Shared:
    """What outlasts the links."""

    terms: Terms
    invite_bytes: bytes  # the signed terms, for members that have an older version
    register: Register
    changed: threading.Condition  # guards the register; notified when something new is in it


@dataclass
class Node(Shared):
    """The member `me`, as long as its links are open under one version of the invite."""

    me: str
    sign: Callable[[bytes], bytes]  # with this member's key
    mail: Mailbox
