import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from fedh2l.error import FedH2LError
from fedh2l.live.network import ask
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.mailbox import Mailbox
from fedh2l.live.network.relay import relay
from fedh2l.live.trust.terms import Terms, signed
from members import CONVENER, free_port, identity_of, invite, local_terms, make_terms


def member(folder: Path, terms: Terms, name: str, **delivered: int) -> ZenohP2P:
    return ZenohP2P(terms, identity_of(folder, name), folder / name / "run", delivered=delivered)


def together(*work: Callable[[], object]) -> list[object]:
    with ThreadPoolExecutor(len(work)) as pool:
        return [f.result() for f in [pool.submit(w) for w in work]]


def rounds(exchange: ZenohP2P, start: int, end: int) -> list[Mapping[str, Sequence[bytes]]]:
    return [
        exchange(t, {exchange.me: f"{exchange.me}{t}".encode()})[exchange.me]
        for t in range(start, end)
    ]


def expected(me: str, names: str, start: int, end: int) -> list[dict[str, tuple[bytes, ...]]]:
    return [{n: (f"{n}{t}".encode(),) for n in names if n != me} for t in range(start, end)]


def test_three_members_hear_all_of_each_other_in_every_round(tmp_path: Path) -> None:
    terms = local_terms(tmp_path, "abc")
    with ExitStack() as stack:
        a, b, c = (stack.enter_context(member(tmp_path, terms, n)) for n in "abc")
        inboxes = together(*(lambda m=m: rounds(m, 0, 10) for m in (a, b, c)))
        assert inboxes == [expected(n, "abc", 0, 10) for n in "abc"]
        assert a.present() == {"b", "c"}
        assert {(e.kind, e.peer) for e in a.events()} == {("joined", "b"), ("joined", "c")}
        assert all(t.sent > 1000 and t.received > 1000 for t in a.wire_bytes.values())


def test_a_small_post_comes_with_its_announcement_and_nobody_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = local_terms(tmp_path, "abc")
    questions = record_questions(monkeypatch)
    with ExitStack() as stack:
        members = [stack.enter_context(member(tmp_path, terms, n)) for n in "abc"]
        together(*(lambda m=m: rounds(m, 0, 1) for m in members))  # links come up
        questions.clear()
        together(*(lambda m=m: rounds(m, 1, 6) for m in members))
        assert questions == []


def test_who_has_spoken_before_is_not_asked_at_once_however_long_ago_that_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "QUIET", 1.0)
    terms = local_terms(tmp_path, "ab")
    questions = record_questions(monkeypatch)
    with member(tmp_path, terms, "a") as a, member(tmp_path, terms, "b") as b:
        together(lambda: rounds(a, 0, 1), lambda: rounds(b, 0, 1))
        time.sleep(1.2)  # learning takes so long
        questions.clear()
        together(lambda: rounds(a, 1, 2), lambda: (time.sleep(0.3), rounds(b, 1, 2)))
        assert questions == []


def record_questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions for posts, as they are asked."""
    questions: list[str] = []
    ask = Mailbox.ask

    def noted(self: Mailbox, key: str, *rest: Any) -> None:
        questions.extend([key] if "/post" in key or "/mirror/" in key else [])
        ask(self, key, *rest)

    monkeypatch.setattr(Mailbox, "ask", noted)
    return questions


def test_a_killed_member_says_the_same_again_and_hears_what_it_missed(tmp_path: Path) -> None:
    terms = replace(local_terms(tmp_path, "ab"), quorum=1, grace=5.0)
    with member(tmp_path, terms, "a") as a:
        with member(tmp_path, terms, "b") as b:
            together(lambda: rounds(a, 0, 3), lambda: rounds(b, 0, 3))
        with member(tmp_path, terms, "b", a=1) as b:  # it was killed before it could save round 2
            again, _ = together(lambda: b(2, {"b": b"something else"}), lambda: rounds(a, 3, 4))
            assert again == {"b": {"a": (b"a2",)}}
            assert ("resent", "b") in {(e.kind, e.peer) for e in b.events()}
        assert [e for e in a.events() if e.kind in ("refused", "equivocation")] == []


def test_a_round_closes_without_those_who_say_nothing_and_tells_who_is_alone(
    tmp_path: Path,
) -> None:
    terms = replace(local_terms(tmp_path, "abc"), quorum=2, deadline=0.5)
    with member(tmp_path, terms, "a") as a:
        assert a(0, {"a": b"a0"}) == {"a": {"b": (), "c": ()}}
        assert [e.kind for e in a.events()] == ["alone"]
        with member(tmp_path, replace(terms, deadline=20.0), "b") as b:
            assert b(0, {"b": b"b0"}) == {"b": {"a": (b"a0",), "c": ()}}


def test_posts_of_a_member_that_is_gone_come_from_the_mirror_of_another(tmp_path: Path) -> None:
    terms = local_terms(tmp_path, "abc")
    with member(tmp_path, terms, "b") as b:
        with member(tmp_path, replace(terms, quorum=2), "a") as a:
            together(lambda: rounds(a, 0, 1), lambda: member_says(b, 0, terms))
        with member(tmp_path, terms, "c") as c:
            assert rounds(c, 0, 1) == expected("c", "abc", 0, 1)


def member_says(m: ZenohP2P, t: int, terms: Terms) -> None:
    m.terms = replace(terms, quorum=2, grace=0.0)
    rounds(m, t, t + 1)


def test_an_asynchronous_member_waits_for_nobody(tmp_path: Path) -> None:
    terms = replace(local_terms(tmp_path, "ab"), asynchronous=True)
    with member(tmp_path, terms, "a") as a:
        assert rounds(a, 0, 2) == [{"b": ()}, {"b": ()}]


def test_a_second_process_under_a_name_is_refused_and_told(tmp_path: Path) -> None:
    terms = local_terms(tmp_path, "abc")
    terms_elsewhere = replace(
        terms,
        members=tuple(
            replace(m, address=f"127.0.0.1:{free_port()}") if m.name == "a" else m
            for m in terms.members
        ),
    )
    with member(tmp_path, terms, "a") as a, member(tmp_path, terms, "b") as b:
        together(
            lambda: (setattr(a, "terms", replace(terms, quorum=2)), rounds(a, 0, 1)),
            lambda: member_says(b, 0, terms),
        )
        second = ZenohP2P(
            terms_elsewhere, identity_of(tmp_path, "a"), tmp_path / "elsewhere", delivered={}
        )
        with (
            pytest.raises(FedH2LError, match="a: a member of this name is running already"),
            second,
        ):
            pass


def test_a_member_that_is_added_is_taken_up_between_rounds(tmp_path: Path) -> None:
    whole = local_terms(tmp_path, "abc")
    terms = replace(whole, members=whole.members[:2], quorum=2)
    later, file = invite(tmp_path, terms, members=whole.members, quorum=3)
    with member(tmp_path, terms, "a") as a, member(tmp_path, terms, "b") as b:
        together(lambda: rounds(a, 0, 1), lambda: rounds(b, 0, 1))
        a.update(later, file)
        together(
            lambda: (setattr(a, "terms", replace(later, quorum=2)), rounds(a, 1, 2)),
            lambda: rounds(b, 1, 2),
        )
        while b.newer_invite_bytes is None:
            b(1, {})
        assert b.newer_invite_bytes == file
        b.update(later, file)
        a.terms = later
        with ZenohP2P(
            later, identity_of(tmp_path, "c"), tmp_path / "c" / "run", delivered={"a": 1, "b": 1}
        ) as c:
            inboxes = together(*(lambda m=m: rounds(m, 2, 4) for m in (a, b, c)))
            assert inboxes == [expected(n, "abc", 2, 4) for n in "abc"]


def test_members_behind_nat_need_a_relay(tmp_path: Path) -> None:
    terms = make_terms(tmp_path, {"a": ""})
    with pytest.raises(FedH2LError, match="no address and no relay"), member(tmp_path, terms, "a"):
        pass


def test_who_waits_for_its_relay_is_stopped_by_ctrl_c_and_let_in_when_the_relay_comes(
    tmp_path: Path,
) -> None:
    terms = make_terms(tmp_path, {"a": ""}, {"r": f"127.0.0.1:{free_port()}"})
    (tmp_path / "invite.json").write_bytes(signed(terms, identity_of(tmp_path, CONVENER)))
    command = [
        sys.executable,
        str(Path(__file__).parent / "member.py"),
        str(tmp_path),
        "a",
        "1",
        "{}",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not (tmp_path / "a" / "run" / "link" / "link.pem").exists():
            time.sleep(0.1)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        try:
            assert b"KeyboardInterrupt" in process.communicate(timeout=20)[1]
        finally:
            process.kill()
    with ThreadPoolExecutor(1) as pool:
        entered = pool.submit(member(tmp_path, terms, "a").__enter__)
        time.sleep(1.0)
        assert not entered.done()
        carrying = relay(terms, identity_of(tmp_path, "r"), tmp_path / "r" / "run")
        next(carrying)
        entered.result(20).__exit__(None, None, None)
