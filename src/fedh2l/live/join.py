"""Taking part: rounds of a live federation for the one member hosted here, each finished on disk
before the next is spoken.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from fedh2l.algorithms.without_barrier import WithoutBarrier
from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.live.member_folder import MemberFolder, memory
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.saved_model import save_model
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import Member, Terms, read_terms
from fedh2l.loop import Round, run
from fedh2l.metrics import accuracy
from fedh2l.peer import Peer
from fedh2l.record.sent import frames_of
from fedh2l.record.units import size
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from fedh2l.wire.frame import KEY_EVERY

FIRST_LOOK = 2.0  # seconds in which one who comes for the first time listens how far the others are
FAREWELL = 10.0  # seconds for which one who finds all rounds finished still answers
LINGER = 1.0


@dataclass(frozen=True)
class News:
    """What the screen shows: a finished round, or something that a person should know."""

    line: dict[str, Any] | None = None
    text: str = ""
    present: frozenset[str] = frozenset()


def join(
    invite: Path,
    identity: Identity,
    seeds: SeedSet,
    learner: Learner,
    folder: MemberFolder,
    validation: Rows | None = None,
) -> Iterator[News]:
    """Every round from the last finished one on; at the end the trained model lies in the folder.

    Stopping the iteration between two rounds is clean, and so is a kill at any instant: the next
    `join` goes on.
    """
    terms, data = folder.newest(invite)
    check_terms(terms, identity, seeds)
    folder.keep(data)
    peer = Peer(identity.name, learner, seeds)
    folder.restore(peer)
    if folder.finished:
        yield News(text=f"all {folder.done} rounds are finished; the model lies in {folder.path}")
        return
    restarted_at_end = folder.done >= terms.rounds
    yield _said(folder, _way(terms.member(peer.name), terms))
    with ExitStack() as stack:
        # The same sums in the same order, whatever the machine.
        stack.enter_context(threadpool_limits(1))
        exchange = stack.enter_context(
            ZenohP2P(terms, identity, folder.path, since=folder.since, invite=data)
        )
        yield _said(
            folder,
            f"{peer.name}: from round {folder.done} of {terms.rounds}, with "
            f"{', '.join(exchange.others()) or 'nobody'}",
        )
        if folder.fresh:
            _look(exchange)
        leaving = False
        while folder.done < exchange.terms.rounds and not leaving:
            for news in _rounds(exchange, peer, folder, validation):
                yield news
                leaving = folder.leaving
                if leaving or _later(exchange, invite):
                    break
            if leaving or (later := _later(exchange, invite)) is None:
                continue
            folder.keep(later[1])
            if peer.name not in {m.name for m in later[0].members}:
                yield _said(
                    folder,
                    f"{peer.name} is no member any more since version {later[0].version} of the "
                    "invite",
                )
                break
            exchange.update(*later)
            yield _said(
                folder,
                f"version {later[0].version} of the invite: with "
                f"{', '.join(exchange.others()) or 'nobody'}",
            )
        model = save_model(learner, seeds, folder.path)
        yield _said(folder, f"{folder.done} rounds; the model lies in {model}")
        if folder.done >= exchange.terms.rounds:
            _farewell(exchange, FAREWELL if restarted_at_end else exchange.terms.deadline)
            folder.commit(peer, folder.done, exchange.delivered, finished=True)


def check_terms(terms: Terms, identity: Identity, seeds: SeedSet) -> None:
    """Refuse to join with another key or another seed set than was agreed."""
    if terms.member(identity.name).key != identity.public:
        raise FedH2LError(
            f"{identity.name}: the key here is not the one in the invite; give the --identity "
            "with which it was accepted"
        )
    if seeds.classes != terms.classes:
        raise FedH2LError(
            f"the seed set's classes {list(seeds.classes)} are not the terms' "
            f"{list(terms.classes)}; ask for the file"
        )
    if seeds.digest != terms.seed_set:
        raise FedH2LError(
            f"the seed set ({seeds.fingerprint}) is not the one of the terms "
            f"({terms.seed_set[:16]}); ask for the file"
        )
    if terms.asynchronous and (
        seeds.view != "none" or seeds.mixtures or terms.method.exchange != "set"
    ):
        raise FedH2LError(
            "without a barrier the questions must not change: a seed set with view none, no "
            "mixtures, and exchange set"
        )


def _way(me: Member, terms: Terms) -> str:
    """What a person reads as long as nobody else is there."""
    relays = " or ".join(r.address for r in terms.relays) or "no address"
    return (
        f"{me.name}: listening at {me.address}"
        if me.address
        else f"{me.name}: waiting for a relay at {relays}"
    )


def _rounds(
    exchange: ZenohP2P, peer: Peer, folder: MemberFolder, validation: Rows | None
) -> Iterator[News]:
    terms, newest = exchange.terms, exchange.newest()
    start = folder.done
    behind = newest > start + KEY_EVERY or (folder.fresh and newest > terms.method.warmup + 1)
    # Too far behind to hear it all: from the others' round on.
    if behind and not terms.asynchronous:
        start = min(newest, terms.rounds - 1)
        yield _said(folder, f"the others are at round {newest}: going on from there")
    folder.fresh = False
    method = WithoutBarrier(terms.method) if terms.asynchronous else terms.method
    clock = time.perf_counter()
    for r in run(
        method,
        [peer],
        exchange,
        rounds=terms.rounds,
        start=start,
        codec=terms.codec,
        barrier=not terms.asynchronous,
    ):
        line = _line(r, peer, exchange, validation)
        line["seconds"] = round(time.perf_counter() - clock, 3)
        folder.write_round(line, frames_of(r), {"codec": terms.codec, "seed_set": terms.seed_set})
        folder.commit(peer, r.t + 1, exchange.delivered)
        told = [f"{e.kind} {e.peer}: {e.reason}" for e in exchange.events()]
        for text in told:
            folder.log(text)
        folder.log(
            f"round {r.t}: heard {', '.join(line['heard']) or 'nobody'}"
            + (f"; missing {', '.join(line['missing'])}" if line["missing"] else "")
            + f"; {line['seconds']:.2f} s"
            + (f"; {size(line['memory_bytes'])} of memory" if line["memory_bytes"] else "")
        )
        yield News(line, "; ".join(told), frozenset(exchange.present()))
        clock = time.perf_counter()


def _line(r: Round, peer: Peer, exchange: ZenohP2P, validation: Rows | None) -> dict[str, Any]:
    me = peer.name
    return {
        "round": r.t,
        "version": exchange.terms.version,
        "payload_bytes": r.sent.get(me, 0),
        "heard": dict(r.heard.get(me, {})),
        "missing": list(r.missing.get(me, ())),
        "refused": dict(r.refused.get(me, {})),
        "apart": {sender: round(apart, 4) for sender, apart in r.apart.get(me, {}).items()},
        "conflict_rate": r.conflict_rate.get(me),
        "accuracy": None
        if validation is None
        else accuracy(peer.learner.posteriors(validation[0]), validation[1]),
        "wire": {n: [w.sent, w.received] for n, w in exchange.wire_bytes.items()},
        "present": sorted(exchange.present()),
        "memory_bytes": memory(),
    }


def _look(exchange: ZenohP2P) -> None:
    end = time.monotonic() + FIRST_LOOK
    while exchange.newest() < 0 and exchange.others() and time.monotonic() < end:
        time.sleep(0.05)


def _later(exchange: ZenohP2P, invite: Path) -> tuple[Terms, bytes] | None:
    """A later version of the invite, from a member or in the invite's own file.

    What is not one changes nothing.
    """
    for data in (exchange.newer_invite, invite.read_bytes() if invite.is_file() else None):
        try:
            if data is not None:
                return read_terms(data, exchange.terms), data
        except TermsError:
            continue
    return None


def _farewell(exchange: ZenohP2P, most: float) -> None:
    """Answer the others until they have heard the last round, too: each says one word more after
    it.
    """
    if exchange.terms.asynchronous:
        time.sleep(LINGER)  # a word after the last would be taken for what the others wait for
        return
    exchange.terms = replace(exchange.terms, deadline=min(most, exchange.terms.deadline))
    exchange(exchange.terms.rounds, {exchange.me: b"farewell"})
    time.sleep(LINGER)


def _said(folder: MemberFolder, text: str) -> News:
    folder.log(text)
    return News(text=text)
