"""How a member begins: under the terms that were agreed, at the round after its last one or at that
of the others.
"""

import time

from fedh2l.error import FedH2LError
from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.terms import Terms
from fedh2l.seedset import SeedSet
from fedh2l.wire.header import KEY_EVERY

# Seconds for which a member that begins listens how far the others are, once one is connected; and
# for which it waits for that.
FIRST_LOOK, FIRST_LINK = 2.0, 5.0


def check_terms(terms: Terms, identity: Identity, seeds: SeedSet) -> None:
    """Refuse to join with another key or another seed set than was agreed."""
    terms.check_key(identity)
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
    if terms.asynchronous and seeds.rounds_left(0) is not None:
        raise FedH2LError(
            "without a barrier the questions must not change, and this seed set has views or "
            "mixtures; ask the convener for a federation with a barrier, or for a seed set with "
            "view none and no mixtures"
        )


def wait_for_first_posts(exchange: ZenohP2P) -> None:
    """Wait a little for a post of each other member, which show a newcomer how far they are."""
    start, linked_at = time.monotonic(), None
    # One other member alone takes nobody along, so there is nothing to wait for.
    while len(exchange.others()) > 1 and not exchange.has_heard_all():
        now = time.monotonic()
        if linked_at is None and exchange.present():
            linked_at = now
        end = start + FIRST_LINK if linked_at is None else linked_at + FIRST_LOOK
        if now >= end:
            return
        time.sleep(0.05)


def first_round(exchange: ZenohP2P, folder: MemberFolder) -> int:
    """The round after the last finished one; or the round of the others, where this member is too
    far behind to hear all that was said.
    """
    # Without a barrier each member counts its rounds by itself.
    if exchange.terms.asynchronous:
        return folder.done

    first_heard, newest = exchange.rounds_heard()
    # Rounds that are over cannot be taken part in, but who skipped all had an untrained model.
    if newest >= exchange.terms.rounds:
        return folder.done
    # A newcomer need not live through rounds that are over, but it misses nothing before the first
    # post, such as a warm-up.
    is_newcomer = folder.fresh and newest > first_heard + 1
    # The others keep no posts that are older than a key frame.
    is_too_far_behind = newest > folder.done + KEY_EVERY
    if is_newcomer or is_too_far_behind:
        return newest
    return folder.done
