"""A member that ends says so, and the others do not wait for it until it is back, by the documented
commands.
"""

import signal
import time

import pytest

from local_federation import MEMBERS, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
THREE, TWO, ENDLESS, GRACE = MEMBERS[:3], MEMBERS[:2], 100_000, 6.0


def end(federation: LocalFederation, name: str, how: str) -> None:
    if how == "leave":
        federation.command("leave", name)
        federation.wait(name)
        return
    process = federation.running[name]
    process.send_signal(signal.Signals[how])
    assert process.wait(30) == (-signal.SIGKILL if how == "SIGKILL" else 130)


def until_it_says(
    federation: LocalFederation, name: str, text: str, times: int = 1, seconds: float = 60
) -> None:
    """So often in its log."""
    end = time.monotonic() + seconds
    while (federation.folder / name / "log.txt").read_text().count(text) < times:
        assert time.monotonic() < end, federation.said(name)
        time.sleep(0.05)


def longest_round_without(federation: LocalFederation, name: str, without: str) -> float:
    """Seconds of the longest of four rounds after the first one in which the other is missing."""
    start = len(federation.rounds(name))
    federation.until(name, start + 5)
    lines = [x for x in federation.rounds(name)[start:] if without in x["missing"]]
    return max(x["seconds"] for x in lines)


@pytest.mark.parametrize(
    "how",
    ["SIGTERM", *(pytest.param(how, marks=pytest.mark.slow) for how in ("SIGINT", "leave"))],
)
def test_nobody_waits_for_a_member_that_has_left_until_it_is_back(
    federation: LocalFederation, how: str
) -> None:
    """The control is a kill, which nobody can announce: each round waits for the grace."""
    convene(federation, THREE, quorum=2, rounds=ENDLESS, grace=GRACE)
    for name in THREE:
        federation.join(name, model="oslo")
    for name in THREE:
        federation.until(name, 2)
    end(federation, "oslo", how)
    for name in ("kiev", "lyon"):
        assert longest_round_without(federation, name, "oslo") < GRACE / 2
        assert federation.rounds(name)[-1]["gone"] == ["oslo"]
    assert "left, and not back:\n  oslo" in federation.command("status", "kiev")

    federation.join("oslo", model="oslo")
    for name in ("kiev", "lyon"):
        until_it_says(federation, name, "back oslo: takes part again")
        assert (federation.folder / name / "log.txt").read_text().count("gone oslo: has left") == 1
    while "oslo" not in federation.rounds("kiev")[-1]["heard"]:
        federation.until("kiev", len(federation.rounds("kiev")) + 1)
    end(federation, "oslo", "SIGKILL")
    start = len(federation.rounds("kiev"))
    federation.until("kiev", start + 2)
    assert federation.rounds("kiev")[-1]["seconds"] > GRACE / 2


def test_without_a_quorum_a_round_is_paused_and_goes_on_when_the_other_is_back(
    federation: LocalFederation,
) -> None:
    convene(federation, TWO, rounds=400, deadline=120.0)
    for name in TWO:
        federation.join(name, model="oslo")
    federation.until("lyon", 2)
    end(federation, "lyon", "SIGTERM")
    until_it_says(
        federation, "kiev", "is paused: lyon left, and there is no quorum of 2", seconds=5
    )
    assert "is paused: lyon left" in federation.command("status", "kiev", "--check", code=1)
    assert "is paused: lyon left" in federation.said("kiev")
    rounds = len(federation.rounds("kiev"))
    federation.join("lyon", model="oslo")
    federation.until("kiev", rounds + 3)
    assert not [x for x in federation.rounds("kiev") if x["missing"]]
    assert "is paused" not in federation.command("status", "kiev", "--check")
