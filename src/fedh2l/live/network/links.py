"""The parts of a member on the network, as long as its links are open under one version of the
invite.
"""

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

    def close(self) -> None:
        self.mail.close()
        self.mail.session.close()
