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
from town import MEMBERS, Town, found, ports

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.live.network.link import LEASE

THREE, ENDLESS = MEMBERS[:3], 100_000


@pytest.mark.slow
def test_a_member_that_never_comes_delays_a_round_by_the_grace_and_no_more(town: Town) -> None:
    found(town, quorum=3, rounds=3, grace=0.2)
    for name in THREE:
        town.join(name)
    town.wait()
    assert [x["missing"] for x in town.rounds("kiev")] == [["rome"]] * 3


def each_with_its_copy(town: Town, names: Sequence[str], model: str = "") -> None:
    """They join with an invite of their own; who is not given the next version hears of it from the
    others.
    """
    for name in names:
        shutil.copy(town.folder / "invite.json", town.folder / f"{name}.json")
        town.join(name, f"{name}.json", model)


def test_a_stopped_member_says_so_and_goes_on(town: Town) -> None:
    found(town, rounds=3)
    for name in MEMBERS[1:]:
        town.join(name)
    town.until("oslo", 0)
    assert "is running in this folder already" in town.command(*town.joining("oslo"), code=2)
    town.stop("oslo")
    assert "the same command goes on" in town.said("oslo")
    town.join("oslo")
    town.join("kiev")
    town.wait()
    assert len(town.rounds("oslo")) == 3


@pytest.mark.slow
def test_a_member_stops_within_its_patience_though_the_others_are_frozen(
    town: Town,
) -> None:
    found(town, THREE, rounds=ENDLESS)
    for name in THREE:
        town.join(name, model="oslo")
    town.until("oslo", 1)
    for name in ("kiev", "lyon"):
        town.running[name].send_signal(signal.SIGSTOP)
    time.sleep(1.2 * LEASE / 1000)
    start = time.monotonic()
    town.stop("oslo")
    took = time.monotonic() - start
    print(f"stopped within {took:.1f} s")
    assert took < PATIENCE + 3.0 and "the same command goes on from" in town.said("oslo")


@pytest.mark.slow
def test_running_members_take_up_who_comes_and_who_goes_between_two_rounds(town: Town) -> None:
    found(town, quorum=3, rounds=15, grace=1.0)
    each_with_its_copy(town, THREE)
    town.until("kiev", 2)
    town.command(
        "accept",
        "invite.json",
        "--name",
        "vigo",
        "--seeds",
        "seeds.safetensors",
        "--identity",
        "keys-vigo",
        "--yes",
        "--address",
        f"127.0.0.1:{ports(1)[0]}",
    )
    town.command("invite", "add", "invite.json", "vigo.answer.json", "--identity", "keys-kiev")
    town.command("invite", "remove", "invite.json", "rome", "--identity", "keys-kiev")
    # The convener's copy; the others hear of it.
    (town.folder / "kiev.json").write_bytes((town.folder / "invite.json").read_bytes())
    town.join("vigo", model="oslo")
    town.wait()
    for name in THREE:
        lines = town.rounds(name)
        assert [x["round"] for x in lines] == list(range(15)) and lines[-1]["version"] == 4
        assert (
            "vigo" in lines[-1]["heard"]
            and lines[0]["missing"] == ["rome"]
            and lines[-1]["missing"] == []
        )
    assert town.rounds("vigo")[0]["round"] not in (0, 1) and town.rounds("vigo")[-1]["round"] == 14


@pytest.mark.slow
def test_without_a_barrier_nobody_waits_for_who_never_comes(town: Town) -> None:
    found(town, rounds=40, more="--asynchronous --steps 200")
    for name in THREE:
        town.join(name)
    town.wait()
    for name in THREE:
        assert [x["round"] for x in town.rounds(name)] == list(range(40))
    assert any(x["heard"] for name in THREE for x in town.rounds(name))
    reasons = [why for name in THREE for x in town.rounds(name) for why in x["refused"].values()]
    # Who is far ahead is heard from its next key frame on.
    assert all("asked for a key frame" in why for why in reasons), reasons


def test_who_leaves_has_its_model_and_the_others_go_on_and_take_it_up_when_it_is_removed(
    town: Town,
) -> None:
    found(town, THREE, quorum=2, rounds=ENDLESS, grace=0.2)
    each_with_its_copy(town, THREE, "oslo")
    town.until("oslo", 3)
    assert "after the present round" in town.command("leave", "oslo")
    town.wait("oslo")
    last = town.rounds("oslo")[-1]["round"]
    assert "state: stopped" in town.command("status", "oslo")
    assert (town.folder / "oslo").joinpath(
        "model.skops" if find_spec("skops") else "model.safetensors"
    ).stat().st_size > 0
    assert "it is not running" in town.command("leave", "oslo")
    town.until("lyon", len(town.rounds("lyon")) + 2)
    town.command("invite", "remove", "kiev.json", "oslo", "--identity", "keys-kiev")
    for name in ("kiev", "lyon"):
        lines = until_version(town, name, 3)
        assert [x["missing"] for x in lines if x["version"] == 3] == [[]] * sum(
            x["version"] == 3 for x in lines
        )
        assert {tuple(x["missing"]) for x in lines if x["round"] > last and x["version"] == 2} == {
            ("oslo",)
        }


@pytest.mark.slow
def test_who_is_removed_while_it_runs_is_told_and_ends_and_the_others_go_on(town: Town) -> None:
    found(town, THREE, quorum=2, rounds=ENDLESS, grace=5.0)
    each_with_its_copy(town, THREE, "oslo")
    town.until("oslo", 3)
    town.command("invite", "remove", "kiev.json", "oslo", "--identity", "keys-kiev")
    town.wait("oslo", seconds=40)  # before the deadline of a round
    assert "oslo is no member any more since version 3 of the invite" in town.said("oslo")
    assert "no member 'oslo' in version 3 of the invite" in town.command(
        *town.joining("oslo", "oslo.json"), code=2
    )
    for name in ("kiev", "lyon"):
        lines = until_version(town, name, 3)
        assert all(
            x["missing"] == [] and "oslo" not in x["heard"] for x in lines if x["version"] == 3
        )
        assert not any(x["refused"] for x in lines)


def until_version(town: Town, name: str, version: int) -> list[dict[str, Any]]:
    """The rounds of a member that runs, the last ones under this version of the invite, which comes
    within a hundred rounds.
    """
    for _ in range(100):
        if (lines := town.rounds(name))[-1]["version"] >= version:
            return lines
        town.until(name, len(lines) + 1)
    raise AssertionError(town.said(name))
