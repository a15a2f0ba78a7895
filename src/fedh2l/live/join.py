"""Taking part: rounds of a live federation for the one member hosted here, each finished on disk
before the next is spoken.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from fedh2l.algorithms.guarded import Guarded
from fedh2l.algorithms.without_barrier import WithoutBarrier
from fedh2l.learner import Learner
from fedh2l.live.beginning import first_round, wait_for_first_posts
from fedh2l.live.budget import budget_lines, peer_of
from fedh2l.live.kept import save_kept_model
from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.model_watch import watched
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.news import News, beginning_lines, certificate_line, journal_line, log_line
from fedh2l.live.patience import write_patiently
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.terms import Terms
from fedh2l.live.versions import Versions
from fedh2l.loop import Algorithm, Round, run
from fedh2l.peer import Peer
from fedh2l.record.kept import KEPT, keep_round
from fedh2l.record.sent import frames_of
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from fedh2l.wire.header import largest_frame

# Seconds for which a member that is started after the last round still answers the others.
FAREWELL = 10.0


def join(
    invite: Path,
    identity: Identity,
    seeds: SeedSet,
    learner: Learner,
    folder: MemberFolder,
    validation: Rows | None = None,
    *,
    listen: str = "",
    model_timeout: float = 0.0,
) -> Iterator[News]:
    """Every round from the last finished one on; at the end the trained model lies in the folder.
    `model_timeout`: seconds after which the process ends while the model works; 0: never.

    Stopping the iteration between two rounds is clean, and so is a kill at any instant: the next
    `join` goes on.
    """
    versions = Versions(invite, identity, seeds, folder)
    terms, invite_bytes = versions.first()
    identity = versions.identity

    peer, doubts = peer_of(identity.name, learner, seeds, validation)
    folder.restore(peer)
    if folder.finished:
        yield News(text=f"all {folder.done} rounds are finished; the model lies in {folder.path}")
        return

    for doubt in doubts:
        yield _report(folder, f"warning: {doubt}")
    # A member that is started after the last round only answers the others for a while.
    answers_only = folder.done >= terms.rounds
    for text in (*beginning_lines(terms.member(peer.name), terms), *budget_lines(peer)):
        yield _report(folder, text)
    with ExitStack() as stack:
        # One thread adds up the same sums in the same order on every machine.
        stack.enter_context(threadpool_limits(1))
        exchange = stack.enter_context(
            _exchange(terms, invite_bytes, identity, seeds, folder, listen)
        )
        stack.enter_context(watched(peer, exchange, folder, model_timeout))
        others = ", ".join(exchange.others()) or "nobody"
        span = f"from round {folder.done} of {terms.rounds}"
        yield _report(folder, f"{peer.name}: {span}, with {others}")
        wait_for_first_posts(exchange)
        yield from _take_part(exchange, peer, folder, versions, validation)
        yield from _end(exchange, peer, folder, answers_only=answers_only)


def _exchange(
    terms: Terms,
    invite_bytes: bytes,
    identity: Identity,
    seeds: SeedSet,
    folder: MemberFolder,
    listen: str,
) -> ZenohP2P:
    return ZenohP2P(
        terms,
        identity,
        folder.path,
        delivered=folder.delivered,
        invite_bytes=invite_bytes,
        limit=largest_frame(seeds.asked * len(seeds.classes)),
        listen=listen,
        notices=folder.notices,
    )


def _take_part(
    exchange: ZenohP2P,
    peer: Peer,
    folder: MemberFolder,
    versions: Versions,
    validation: Rows | None,
) -> Iterator[News]:
    """All rounds that are left, under one version of the invite after the other; until the member
    leaves or is removed.
    """
    while folder.done < exchange.terms.rounds:
        newer = None
        for news in _rounds(exchange, peer, folder, validation):
            yield news
            if folder.leaving:
                return
            newer = write_patiently(partial(versions.newer, exchange), folder.notices)
            if newer is not None:
                break
        if newer is None:
            return  # the last round is over

        terms, invite_bytes = newer
        version = f"version {terms.version} of the invite"
        if peer.name not in {m.name for m in terms.members}:
            yield _report(folder, f"{peer.name} is no member any more since {version}")
            return
        exchange.update(terms, invite_bytes, versions.identity)
        yield _report(folder, f"{version}: with {', '.join(exchange.others()) or 'nobody'}")


def _end(
    exchange: ZenohP2P, peer: Peer, folder: MemberFolder, *, answers_only: bool
) -> Iterator[News]:
    """Save the model; after the last round the others may still ask."""
    if folder.leaving:
        exchange.say_farewell()  # saving may take a while
    model = write_patiently(partial(save_kept_model, folder.path, peer), folder.notices)
    yield _report(folder, f"{folder.done} rounds; the model lies in {model}")
    if folder.done >= exchange.terms.rounds:
        exchange.finish(FAREWELL if answers_only else exchange.terms.deadline)
        folder.commit(peer, folder.done, exchange.delivered, finished=True)


def _rounds(
    exchange: ZenohP2P,
    peer: Peer,
    folder: MemberFolder,
    validation: Rows | None,
) -> Iterator[News]:
    """The rounds that are left, each committed on disk before its news is given."""
    terms = exchange.terms
    start = first_round(exchange, folder)
    if start != folder.done:
        yield _report(folder, f"the others are at round {start}: going on from there")
    folder.fresh = False

    method = played(terms)
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
        line = journal_line(r, peer, exchange, validation, time.perf_counter() - clock)
        record = partial(_record, folder, r, line, peer, exchange)
        write_patiently(record, folder.notices)
        events = [f"{event.kind} {event.peer}: {event.reason}" for event in exchange.events()]
        events += certificate_line(exchange, folder)
        for text in (*events, log_line(line)):
            folder.log(text)
        yield News(line, "; ".join(events), frozenset(exchange.present()))
        clock = time.perf_counter()


def _record(
    folder: MemberFolder,
    r: Round,
    line: dict[str, Any],
    peer: Peer,
    exchange: ZenohP2P,
) -> None:
    """Write a finished round to disk; after a try that failed all of it again."""
    about = {"codec": exchange.terms.codec, "seed_set": exchange.terms.seed_set}
    folder.write_round(line, frames_of(r), about)
    # Before the commit: a round that is cut between the two is done and kept again.
    keep_round(folder.path / KEPT, peer, r.t + 1, line["accuracy"], peer.validation)
    folder.commit(peer, r.t + 1, exchange.delivered)


def played(terms: Terms) -> Algorithm:
    """The method of the terms, with the wrappers that they name."""
    method = Guarded(terms.method) if terms.guard else terms.method
    return WithoutBarrier(method) if terms.asynchronous else method


def _report(folder: MemberFolder, text: str) -> News:
    folder.log(text)
    return News(text=text)
