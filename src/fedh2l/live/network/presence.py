"""Which members seem to be connected: a hint, for a person and for the order in which members are
asked. A relay can make one seem to be here that is not.
"""

from fedh2l.live.network.mailbox import Event
from fedh2l.live.network.node import Node

MOST_INSTANCES, LONGEST_INSTANCE = 8, 64  # of one member; characters


class Presence:
    """Every process of a member declares a token, `NAME/alive/INSTANCE`."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._instances: dict[str, set[str]] = {m.name: set() for m in node.terms.members}
        node.mail.session.liveliness().declare_subscriber(
            f"{node.mail.root}/*/alive/*", node.mail.putting(self._note_token), history=True
        )

    def instances(self, name: str) -> set[str]:
        return set(self._instances.get(name, ()))

    def _note_token(self, key: str, _: bytes, is_declared: bool) -> None:
        name, instance = key.split("/alive/", 1)
        instances = self._instances.get(name)
        # A token is not signed: a stranger can make me store a bounded number only.
        if instances is None or len(instance) > LONGEST_INSTANCE:
            return
        if is_declared and len(instances) > MOST_INSTANCES:
            return
        was_present = bool(instances)
        if is_declared:
            instances.add(instance)
        else:
            instances.discard(instance)

        if name != self.node.me and was_present != bool(instances):
            arrival = Event("joined", name, "connected")
            departure = Event("left", name, "not connected any more")
            self.node.mail.tell(arrival if is_declared else departure)
