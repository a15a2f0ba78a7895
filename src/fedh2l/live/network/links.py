"""The parts of a member on the network, as long as its links are open under one version of the
invite.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from fedh2l.live.network.link import open_link, root
from fedh2l.live.network.mailbox import Mailbox
from fedh2l.live.network.node import Node, Shared
from fedh2l.live.network.presence import Presence
from fedh2l.live.network.pull import Puller
from fedh2l.live.network.speak import Speaker
from fedh2l.live.network.twin import Twins
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.terms import Terms

# Seconds in which a member that is removed can ask for the invite that says so.
REMOVAL_HEARD = 1.0


class Links:
    """Open from the start on, until `close`.

    Raises FedH2LError, with everything closed, where another process has this member's name.
    `delivered`: of each author the last round that was delivered; `process`: the name of this one.
    """

    def __init__(
        self,
        shared: Shared,
        identity: Identity,
        folder: Path,
        *,
        process: str,
        listen: str,
        delivered: Mapping[str, int],
        sent_bytes: Mapping[str, int],
    ) -> None:
        session = open_link(shared.terms, identity, folder, listen)
        self.mail = Mailbox(session, root(shared.terms))
        self.node = Node(**vars(shared), me=identity.name, sign=identity.sign, mail=self.mail)
        self.presence = Presence(self.node)
        self.twins = Twins(self.node, self.presence, process)
        self.puller = Puller(self.node, self.presence, delivered)
        self.speaker = Speaker(self.node, self.presence, self.twins, sent_bytes)

        self.mail.start(f"fedh2l-mail-{identity.name}", self.puller.tick, self.twins.check)
        try:
            self.twins.refuse_a_second()
            self.speaker.open(process)
        except BaseException:
            self.close()
            raise

    def tell_removed(self, terms: Terms, invite_bytes: bytes) -> None:
        """Announce a version before it is taken up, for those that are not in it any more."""
        self.node.terms, self.node.invite_bytes = terms, invite_bytes
        self.speaker.announce()
        time.sleep(REMOVAL_HEARD)

    def close(self) -> None:
        self.mail.close()
        self.mail.session.close()
