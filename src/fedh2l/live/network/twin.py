"""Whether another process has my name, with my keys: it is asked for, through all members, to sign
a challenge. Nobody else can, so neither a member nor a relay can claim that it is there.
"""

import time
from collections.abc import Iterable

import zenoh

from fedh2l.error import FedH2LError
from fedh2l.live.network.link import LEASE
from fedh2l.live.network.mailbox import Event
from fedh2l.live.network.node import Node
from fedh2l.live.network.presence import Presence
from fedh2l.live.trust.running import CHALLENGE, CLAIM, claim, claimed_process, new_challenge

CHECK = 60.0  # seconds from one question to the next
FIRST_CHECK = 6.0  # seconds until the first one after the start
FIRST_LINK = 1.0  # seconds in which a member that can be asked should be connected
PASSED_ON = 2.0  # seconds for which a member waits for the answer to another's question
MOST = 8  # processes of one name of which a member hands on the claims
MOST_OPEN = 32  # questions of others that a member hands on at once


class Twins:
    """The question for the processes of a member is `*/who/NAME`, with a challenge and the asker's
    own claim; each member hands it on to the processes of that name that it can reach.
    """

    def __init__(self, node: Node, presence: Presence, process: str) -> None:
        self.node, self.presence, self.process = node, presence, process
        self.is_second = False  # whether another process had this name before me
        self._check_at = time.monotonic() + FIRST_CHECK
        self._challenge = b""
        self._reported: set[str] = set()  # later processes of which the owner was told
        self._open = 0

    def refuse_a_second(self) -> None:
        """Raise FedH2LError if an earlier process under my name is running. Not to be called from
        the mailbox's thread.
        """
        start, others = time.monotonic(), self.node.terms.others(self.node.me)
        while not any(map(self.presence.instances, others)):
            if time.monotonic() > start + FIRST_LINK:
                break
            time.sleep(0.05)

        challenge, mail = new_challenge(), self.node.mail
        question = f"{mail.root}/*/who/{self.node.me}{self._parameters(challenge)}"
        for reply in mail.session.get(question, timeout=LEASE / 1000, target=zenoh.QueryTarget.ALL):
            claims = reply.ok.payload.to_bytes() if reply.ok else b""
            if any(process < self.process for process in self._processes(claims, challenge)):
                raise FedH2LError(
                    f"{self.node.me}: a member of this name is running already; stop that one "
                    "first, or, if it is not yours, tell the convener: somebody has your keys"
                )

    def check(self) -> None:
        """Ask the same question from time to time while the run goes on."""
        if time.monotonic() > self._check_at:
            self._check_at, self._challenge = time.monotonic() + CHECK, new_challenge()
            parameters = self._parameters(self._challenge)
            self.node.mail.ask(f"*/who/{self.node.me}", self._note_answer, parameters)

    def _parameters(self, challenge: bytes) -> str:
        own = claim(
            self.node.sign, self.node.terms.federation, self.node.me, challenge, self.process
        )
        return f"?challenge={challenge.hex()};claim={own.hex()}"

    def _processes(self, claims: bytes, challenge: bytes) -> Iterable[str]:
        """The other processes of my name that signed this challenge."""
        key = self.node.terms.member(self.node.me).key
        for at in range(0, min(len(claims), MOST * CLAIM), CLAIM):
            process = claimed_process(
                claims[at : at + CLAIM],
                self.node.terms.federation,
                self.node.me,
                key=key,
                challenge=challenge,
            )
            if process is not None and process != self.process:
                yield process

    def _note_answer(self, _: str, data: bytes, is_answer: bool) -> None:
        for process in self._processes(data, self._challenge) if is_answer else ():
            if process < self.process:
                self.is_second = True
            else:
                self._report(process)

    def _report(self, process: str) -> None:
        """Tell the owner, once, of a process that began later under its name."""
        if process not in self._reported and len(self._reported) < MOST:
            self._reported.add(process)
            reason = (
                "another process was started under this name, with your keys; it is refused. If it "
                "is not yours, somebody has copied them: tell the convener, who removes this name"
            )
            self.node.mail.tell(Event("duplicate", self.node.me, reason))

    def answer(self, query: zenoh.Query, name: str) -> None:
        """Answer a question for the processes of a name; the query is dropped at the end."""
        challenge, own = _hex(query, "challenge", CHALLENGE), _hex(query, "claim", CLAIM)
        key = {m.name: m.key for m in self.node.terms.members}.get(name, "")
        asker = claimed_process(own, self.node.terms.federation, name, key=key, challenge=challenge)
        # Only a process of that name may ask, so nobody can make the members ask each other.
        if asker is None or asker == self.process:
            query.drop()
        elif name == self.node.me:
            self._answer_twin(query, asker, challenge)
        elif self._open < MOST_OPEN:
            # One of two processes of a name may be out of the other's reach.
            self._open += 1
            self.node.mail.put(self._pass_on, query, name, challenge, own)
        else:
            query.drop()

    def _answer_twin(self, query: zenoh.Query, asker: str, challenge: bytes) -> None:
        terms, me = self.node.terms, self.node.me
        with query:
            own = claim(self.node.sign, terms.federation, me, challenge, self.process)
            query.reply(f"{self.node.mail.root}/{me}/who/{me}", own)
        if asker > self.process:
            self._report(asker)
        else:
            # Its question may have been asked long ago; its answer to mine cannot.
            self._check_at = min(self._check_at, time.monotonic() + 1.0)

    def _pass_on(self, query: zenoh.Query, name: str, challenge: bytes, own: bytes) -> None:
        """Ask the processes of this name, and give their claims to the asker."""
        claims: list[bytes] = []

        def collect(_: str, data: bytes, is_answer: bool) -> None:
            if is_answer:
                claims.extend([data] if len(data) == CLAIM and len(claims) < MOST else [])
                return
            self._open -= 1
            with query:
                if claims:
                    here = f"{self.node.mail.root}/{self.node.me}/who/{name}"
                    query.reply(here, b"".join(claims))

        parameters = f"?challenge={challenge.hex()};claim={own.hex()}"
        self.node.mail.ask(f"{name}/who/{name}", collect, parameters, PASSED_ON)


def _hex(query: zenoh.Query, name: str, size: int) -> bytes:
    """The bytes of a parameter; none where it has not this size."""
    try:
        data = bytes.fromhex(query.parameters.get(name) or "")
    except ValueError:
        return b""
    return data if len(data) == size else b""
