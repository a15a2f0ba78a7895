"""A member that is removed while it runs."""

from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from test_exchange_p2p import member, rounds, together

from members import invite, local_terms


def test_who_is_removed_hears_of_it_before_its_links_close(tmp_path: Path) -> None:
    terms = local_terms(tmp_path, "abc")
    later, file = invite(tmp_path, terms, members=terms.members[:2])
    with ExitStack() as stack:
        a, b, c = (stack.enter_context(member(tmp_path, terms, n)) for n in "abc")
        together(*(lambda m=m: rounds(m, 0, 1) for m in (a, b, c)))
        # The others are at round 1, for which c waits.
        together(lambda: a.update(later, file), lambda: rounds(c, 1, 2))
        assert c.newer_invite_bytes == file
