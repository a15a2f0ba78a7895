"""Members behind NAT with a relay, by the documented commands:

`fedh2l relay` carries, and may be killed and started again.
"""

import time

import pytest

from town import MEMBERS, RELAY, Town, found

pytest.importorskip("zenoh", reason="needs the extra zenoh")
TWO, ROUNDS = MEMBERS[:2], 60


def behind_nat(town: Town, rounds: int) -> None:
    """Two members without an address that federate through the relay, and wait for it where it
    comes later than they.
    """
    found(town, TWO, relay=True, rounds=rounds)
    for name in TWO:
        town.join(name, model="oslo")
    while not all("waiting for a relay at 127.0.0.1:" in town.said(name) for name in TWO):
        assert all(process.poll() is None for process in town.running.values())
        time.sleep(0.05)
    town.relay()
    for name in TWO:
        town.until(name, 2)


def test_members_behind_a_relay_that_is_killed_go_on_once_it_is_started_again(town: Town) -> None:
    behind_nat(town, ROUNDS)
    town.running[RELAY].kill()
    town.running[RELAY].wait()
    time.sleep(0.5)
    before = [len(town.rounds(name)) for name in TWO]
    time.sleep(2.0)
    assert [len(town.rounds(name)) for name in TWO] == before and max(before) < ROUNDS, (
        "they do not need the relay"
    )
    town.relay()
    town.wait(*TWO)
    for name in TWO:
        lines = town.rounds(name)
        assert [x["round"] for x in lines] == list(range(ROUNDS)) and not any(
            x["missing"] or x["refused"] for x in lines
        )
    town.stop(RELAY)
    assert "connected: kiev, lyon" in town.said(RELAY) and "relay stopped" in town.said(RELAY)


@pytest.mark.slow
def test_a_second_process_with_the_keys_of_one_that_runs_is_refused_by_the_command(
    town: Town,
) -> None:
    behind_nat(town, rounds=10_000)  # more than can end meanwhile
    told = town.command(*town.joining("kiev", model="oslo", out="a second folder"), code=2)
    assert "kiev: a member of this name is running already; stop that one first" in told
    assert all(process.poll() is None for process in town.running.values())
