"""One member on the network: what the parts of its exchange share, by name."""

import threading
from dataclasses import dataclass
from typing import NamedTuple

from fedh2l.live.network.mailbox import Mailbox
from fedh2l.live.posts.register import Register
from fedh2l.live.trust.terms import Terms


class Traffic(NamedTuple):
    """Bytes that a member gave to the network and got from it, for one other member: payloads,
    envelopes, announcements.
    """

    sent: int
    received: int


@dataclass
class Node:
    """The member `me`, as long as its links are open under one version of the invite."""

    me: str
    terms: Terms
    invite: bytes  # the file of the terms, for members that have an older version
    mail: Mailbox
    register: Register
    changed: threading.Condition  # guards the register; notified when something new is in it
