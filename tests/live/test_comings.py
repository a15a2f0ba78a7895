"""Members and a relay that come, leave, stop, are removed or never come while the others go on, by
the documented commands.
"""

import shutil
import signal
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import pytest

from fedh2l.commands.signals import PATIENCE
from local_federation import MEMBERS, LocalFederation, convene, ports

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.live.network.link import LEASE
from fedh2l.wire.header import KEY_EVERY

THREE, ENDLESS = MEMBERS[:3], 100_000


@pytest.mark.slow
def test_a_member_that_never_comes_delays_a_round_by_the_grace_and_no_more(
    federation: LocalFederation,
) -> None:
    convene(federation, quorum=3, rounds=3, grace=0.2)
    for name in THREE:
        federation.join(name)
    federation.wait()
    assert [x["missing"] for x in federation.rounds("kiev")] == [["rome"]] * 3


def each_with_its_copy(federation: LocalFederation, names: Sequence[str], model: str = "") -> None:
    """They join with an invite of their own; who is not given the next version hears of it from the
    others.
    """
    for name in names:
        shutil.copy(federation.folder / "invite.json", federation.folder / f"{name}.json")
        federation.join(name, f"{name}.json", model)


def test_a_stopped_member_says_so_and_goes_on(federation: LocalFederation) -> None:
    convene(federation, rounds=3)
    for name in MEMBERS[1:]:
        federation.join(name)
    federation.until("oslo", 0)
    assert "is running in this folder already" in federation.command(
        *federation.joining("oslo"), code=2
    )
    federation.stop("oslo")
    assert "the same command goes on" in federation.said("oslo")
    federation.join("oslo")
    federation.join("kiev")
    federation.wait()
    assert len(federation.rounds("oslo")) == 3


@pytest.mark.slow
def test_a_member_stops_within_its_patience_though_the_others_are_frozen(
    federation: LocalFederation,
) -> None:
    convene(federation, THREE, rounds=ENDLESS)
    for name in THREE:
        federation.join(name, model="oslo")
    federation.until("oslo", 1)
    for name in ("kiev", "lyon"):
        federation.running[name].send_signal(signal.SIGSTOP)
    time.sleep(1.2 * LEASE / 1000)
    start = time.monotonic()
    federation.stop("oslo")
    took = time.monotonic() - start
    print(f"stopped within {took:.1f} s")
    assert took < PATIENCE + 3.0 and "the same command goes on from" in federation.said("oslo")


@pytest.mark.slow
def test_running_members_take_up_who_comes_and_who_goes_between_two_rounds(
    federation: LocalFederation,
) -> None:
    convene(federation, quorum=3, rounds=15, grace=1.0)
    each_with_its_copy(federation, THREE)
    federation.until("kiev", 2)
    federation.command(
        "accept",
        "invite.json",
        "--name",
        "vigo",
        "--seed-set",
        "seeds.safetensors",
        "--identity",
        "keys-vigo",
        "--yes",
        "--address",
        f"127.0.0.1:{ports(1)[0]}",
    )
    federation.command(
        "invite", "add", "invite.json", "vigo.answer.json", "--identity", "keys-kiev"
    )
    federation.command("invite", "remove", "invite.json", "rome", "--identity", "keys-kiev")
    # The convener's copy; the others hear of it.
    (federation.folder / "kiev.json").write_bytes((federation.folder / "invite.json").read_bytes())
    federation.join("vigo", model="oslo")
    federation.wait()
    for name in THREE:
        lines = federation.rounds(name)
        assert [x["round"] for x in lines] == list(range(15)) and lines[-1]["version"] == 4
        assert (
            "vigo" in lines[-1]["heard"]
            and lines[0]["missing"] == ["rome"]
            and lines[-1]["missing"] == []
        )
    assert (
        federation.rounds("vigo")[0]["round"] not in (0, 1)
        and federation.rounds("vigo")[-1]["round"] == 14
    )


def test_who_was_away_for_longer_than_is_kept_goes_on_where_the_others_are(
    federation: LocalFederation,
) -> None:
    convene(federation, THREE, quorum=2, rounds=ENDLESS, grace=0.05)
    for name in THREE:
        federation.join(name, model="oslo")
    federation.until("oslo", 2)
    federation.stop("oslo")
    last = federation.rounds("oslo")[-1]["round"]
    federation.until("lyon", last + KEY_EVERY + 10)

    there = federation.rounds("lyon")[-1]["round"]
    federation.join("oslo", model="oslo")
    federation.until("oslo", last + 3)
    # Of a line that was written and not yet counted when it was stopped, nothing is left.
    first = next(x["round"] for x in federation.rounds("oslo") if x["round"] > last)
    assert first >= there
    assert f"the others are at round {first}: going on from there" in federation.said("oslo")


@pytest.mark.slow
def test_without_a_barrier_nobody_waits_for_who_never_comes(federation: LocalFederation) -> None:
    convene(federation, rounds=40, more="--asynchronous --steps 200")
    for name in THREE:
        federation.join(name)
    federation.wait()
    for name in THREE:
        assert [x["round"] for x in federation.rounds(name)] == list(range(40))
    assert any(x["heard"] for name in THREE for x in federation.rounds(name))
    reasons = [
        why for name in THREE for x in federation.rounds(name) for why in x["refused"].values()
    ]
    # A member that is far ahead is heard from its next key frame on.
    assert all("asked for a key frame" in why for why in reasons), reasons


def test_who_leaves_has_its_model_and_the_others_go_on_and_take_it_up_when_it_is_removed(
    federation: LocalFederation,
) -> None:
    convene(federation, THREE, quorum=2, rounds=ENDLESS, grace=0.2)
    each_with_its_copy(federation, THREE, "oslo")
    federation.until("oslo", 3)
    assert "after the present round" in federation.command("leave", "oslo")
    federation.wait("oslo")
    last = federation.rounds("oslo")[-1]["round"]
    assert "state: stopped" in federation.command("status", "oslo")
    assert (federation.folder / "oslo").joinpath(
        "model.skops" if find_spec("skops") else "model.safetensors"
    ).stat().st_size > 0
    assert "it is not running" in federation.command("leave", "oslo")
    federation.until("lyon", len(federation.rounds("lyon")) + 2)
    federation.command("invite", "remove", "kiev.json", "oslo", "--identity", "keys-kiev")
    for name in ("kiev", "lyon"):
        lines = until_version(federation, name, 3)
        assert [x["missing"] for x in lines if x["version"] == 3] == [[]] * sum(
            x["version"] == 3 for x in lines
        )
        assert {tuple(x["missing"]) for x in lines if x["round"] > last and x["version"] == 2} == {
            ("oslo",)
        }


@pytest.mark.slow
def test_who_is_removed_while_it_runs_is_told_and_ends_and_the_others_go_on(
    federation: LocalFederation,
) -> None:
    convene(federation, THREE, quorum=2, rounds=ENDLESS, grace=5.0)
    each_with_its_copy(federation, THREE, "oslo")
    federation.until("oslo", 3)
    federation.command("invite", "remove", "kiev.json", "oslo", "--identity", "keys-kiev")
    federation.wait("oslo", seconds=40)  # before the deadline of a round
    assert "oslo is no member any more since version 3 of the invite" in federation.said("oslo")
    assert "no member 'oslo' in version 3 of the invite" in federation.command(
        *federation.joining("oslo", "oslo.json"), code=2
    )
    for name in ("kiev", "lyon"):
        lines = until_version(federation, name, 3)
        assert all(
            x["missing"] == [] and "oslo" not in x["heard"] for x in lines if x["version"] == 3
        )
        assert not any(x["refused"] for x in lines)


def until_version(federation: LocalFederation, name: str, version: int) -> list[dict[str, Any]]:
    """The rounds of a member that runs, the last ones under this version of the invite, which comes
    within a hundred rounds.
    """
    for _ in range(100):
        if (lines := federation.rounds(name))[-1]["version"] >= version:
            return lines
        federation.until(name, len(lines) + 1)
    raise AssertionError(federation.said(name))
