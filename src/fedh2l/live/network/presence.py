"""Which members are connected, and whether another process has my name.

Only the order in which members are asked depends on the former.
"""

import time
from collections.abc import Callable, Mapping

import zenoh

from fedh2l.error import FedH2LError
from fedh2l.live.network.link import LEASE
from fedh2l.live.network.mailbox import Event
from fedh2l.live.network.node import Node

CHECK = 60.0  # seconds from one question whether another process has my name to the next
FORGOTTEN = 2 * LEASE / 1000  # seconds after which nobody sees a killed process any more
MOST_INSTANCES, LONGEST_INSTANCE = 8, 64  # of one member; characters
FIRST_LINK = 1.0  # seconds in which a member that can be asked should be connected


class Presence:
    """Every process of a member declares a token, `NAME/alive/INSTANCE`; instances sort by the time
    at which they began.
    """

    def __init__(self, node: Node, instance: str) -> None:
        self.node, self.instance = node, instance
        self.twin = False  # whether another process had this name before me
        self._instances: dict[str, set[str]] = {m.name: set() for m in node.terms.members}
        self._check_at = time.monotonic() + FORGOTTEN
        self._suspected = False  # the last answers spoke of an earlier process, too
        self._answers: dict[str, set[str]] = {}
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

    def refuse_a_second(self) -> None:
        """Raise FedH2LError if another process under my name is running, by the answers of at least
        half of the members that answer. Not to be called from the mailbox's thread.
        """
        start = time.monotonic()
        others = self.node.terms.others(self.node.me)
        while not any(map(self.instances, others)) and time.monotonic() < start + FIRST_LINK:
            time.sleep(0.05)
        end = time.monotonic() + FORGOTTEN
        while self._is_seen_by_others():
            if time.monotonic() > end:
                raise FedH2LError(
                    f"{self.node.me}: a member of this name is running already; stop that one "
                    "first, or, if it is not yours, tell the convener: somebody has your keys"
                )
            time.sleep(0.3)

    def _is_seen_by_others(self) -> bool:
        """Whether another process had my name before me, by the answers of at least half of the
        members that answer now.
        """
        mail = self.node.mail
        answers: dict[str, set[str]] = {}
        question = f"{mail.root}/*/who/{self.node.me}"
        for reply in mail.session.get(question, timeout=LEASE / 1000, target=zenoh.QueryTarget.ALL):
            if reply.ok:
                key = str(reply.ok.key_expr).removeprefix(f"{mail.root}/")
                answers[key.partition("/")[0]] = _words(reply.ok.payload.to_bytes())
        return self._half_know(answers, self._is_earlier)

    def check(self) -> None:
        """Ask the same question from time to time while the run goes on; the answers are believed
        when they are the same twice.
        """
        if time.monotonic() > self._check_at:
            self._check_at, self._answers = time.monotonic() + CHECK, {}
            self.node.mail.ask(f"*/who/{self.node.me}", self._note_answer)

    def _note_answer(self, key: str, data: bytes, is_answer: bool) -> None:
        if is_answer:
            self._answers[key.partition("/")[0]] = _words(data)
            return
        # It is the end: all members have answered.
        is_second = self._half_know(self._answers, self._is_earlier)
        self.twin = is_second and self._suspected
        self._suspected = is_second
        if is_second:
            self._check_at = time.monotonic() + FORGOTTEN
        if self._half_know(self._answers, lambda instance: instance > self.instance):
            reason = (
                "another process was started under this name; it is refused, unless it has "
                "your keys for other ends"
            )
            self.node.mail.tell(Event("duplicate", self.node.me, reason))

    def _is_earlier(self, instance: str) -> bool:
        return instance < self.instance

    def _half_know(self, answers: Mapping[str, set[str]], which: Callable[[str], bool]) -> bool:
        """Whether at least half of the members that answered know such an instance."""
        witnesses = sum(any(map(which, instances)) for instances in answers.values())
        return 0 < len(answers) <= 2 * witnesses


def _words(data: bytes) -> set[str]:
    return set(data[:1000].decode("ascii", "replace").split()) - {"-"}
