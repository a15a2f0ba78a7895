"""A sender and several receivers, with frames lost, repeated, reordered and late, and with
receivers that restart or begin anew.
"""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fedh2l.message import Posteriors
from fedh2l.wire import CODECS
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import Unreadable, decode, encode, is_key
from fedh2l.wire.header import KEY_EVERY, Session
from fedh2l.wire.state import WireState

RECEIVERS = ("b", "c", "d")
SHAPE = (6, 5)


class SenderAndReceivers(RuleBasedStateMachine):
    @initialize(codec=st.sampled_from(sorted(CODECS)), seed=st.integers(0, 99))
    def begin(self, codec: str, seed: int) -> None:
        self.session, self.rng = Session(CODECS[codec], "digest"), np.random.default_rng(seed)
        self.sender = WireState("a")
        self.wire = {name: WireState(name) for name in RECEIVERS}
        self.frames: list[tuple[int, bytes]] = []
        self.truth: dict[int, np.ndarray] = {}
        self.round, self.logits = 0, np.zeros(SHAPE)

    @rule(rounds_skipped=st.integers(0, 3), to=st.sets(st.sampled_from(RECEIVERS)))
    def say(self, rounds_skipped: int, to: set[str]) -> None:
        self.round += 1 + rounds_skipped
        self.logits = self.logits * 0.9 + self.rng.normal(size=SHAPE)
        probs = np.exp(self.logits) / np.exp(self.logits).sum(1, keepdims=True)
        message = Posteriors(self.round, probs.astype(np.float32))
        before = self.sender.last_sent
        data = encode(message, self.session, self.sender)
        # What the author holds after it, as a decoder that has read every frame sees it.
        perfect = WireState("z")
        if before and not is_key(data):
            perfect.hold("a", before)
        received = decode(data, message, self.session, "a", perfect)
        assert isinstance(received, Posteriors)
        self.truth[self.round] = received.probs
        self.frames.append((self.round, data))
        for name in to:
            self.deliver(name, len(self.frames) - 1)

    @rule(name=st.sampled_from(RECEIVERS), back=st.integers(0, 40))
    def late_or_again(self, name: str, back: int) -> None:
        if self.frames:
            self.deliver(name, max(len(self.frames) - 1 - back, 0))

    def deliver(self, name: str, at: int) -> None:
        t, data = self.frames[at]
        wire = self.wire[name]
        before = wire.state_dict()
        try:
            received = decode(
                data, Posteriors(self.round, np.zeros(SHAPE, np.float32)), self.session, "a", wire
            )
        except Unreadable:
            assert not is_key(data)
            assert {k: v.tolist() for k, v in wire.state_dict().items()} == {
                k: v.tolist() for k, v in before.items()
            }
            wire.unreadable.add("a")
        else:
            assert isinstance(received, Posteriors)
            assert received.round == t
            assert (received.probs.sum(1) > 0.999).all()
            np.testing.assert_array_equal(received.probs, self.truth[t])

    @rule(name=st.sampled_from(RECEIVERS))
    def answer(self, name: str) -> None:
        """What a receiver says carries the names of those that it cannot read."""
        if not self.round:
            return
        message = Posteriors(self.round, np.full(SHAPE, 1 / SHAPE[1], np.float32))
        data = encode(
            message, self.session, WireState(name, unreadable=set(self.wire[name].unreadable))
        )
        decode(data, message, self.session, name, self.sender)

    @rule(name=st.sampled_from((*RECEIVERS, "a")))
    def restart(self, name: str) -> None:
        old = self.sender if name == "a" else self.wire[name]
        new = WireState(name)
        new.load_state_dict(old.state_dict())
        if name == "a":
            self.sender = new
        else:
            self.wire[name] = new

    @rule(name=st.sampled_from(RECEIVERS))
    def rejoin_with_nothing(self, name: str) -> None:
        self.wire[name] = WireState(name)

    @rule(name=st.sampled_from(RECEIVERS), flip=st.integers(0, 10_000))
    def damage(self, name: str, flip: int) -> None:
        if self.frames:
            t, data = self.frames[-1]
            hurt = bytearray(data)
            hurt[flip // 8 % len(hurt)] ^= 1 << flip % 8
            before = {k: v.tolist() for k, v in self.wire[name].state_dict().items()}
            try:
                decode(
                    bytes(hurt),
                    Posteriors(t, np.zeros(SHAPE, np.float32)),
                    self.session,
                    "a",
                    self.wire[name],
                )
            except WireError:
                assert {k: v.tolist() for k, v in self.wire[name].state_dict().items()} == before
            else:
                raise AssertionError("a frame with one bit turned was accepted")

    @invariant()
    def a_key_frame_is_never_far(self) -> None:
        """A receiver that missed a frame reads again from the next key frame, and one comes."""
        frames = getattr(self, "frames", [])
        assert not frames or any(is_key(data) for _, data in frames[-KEY_EVERY:])


SenderAndReceivers.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
TestSenderAndReceivers = SenderAndReceivers.TestCase


def test_a_receiver_that_missed_some_rounds_asks_and_reads_the_next_frame() -> None:
    session, sender, receiver = (
        Session(CODECS["lattice"], "digest"),
        WireState("a"),
        WireState("b"),
    )
    probs = np.random.default_rng(0).dirichlet(np.ones(5), 6).astype(np.float32)
    frames = [encode(Posteriors(t, probs), session, sender) for t in range(4)]
    decode(frames[0], Posteriors(0, probs), session, "a", receiver)
    try:
        decode(frames[3], Posteriors(3, probs), session, "a", receiver)
        raise AssertionError("changes of a frame that was not heard were accepted")
    except Unreadable:
        receiver.unreadable.add("a")
    decode(
        encode(Posteriors(3, probs), session, receiver), Posteriors(3, probs), session, "b", sender
    )
    assert sender.key_frame_requested
    after = encode(Posteriors(4, probs), session, sender)
    assert is_key(after)
    decode(after, Posteriors(4, probs), session, "a", receiver)
    assert not receiver.unreadable
