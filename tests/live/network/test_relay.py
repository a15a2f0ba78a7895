"""Members behind NAT with a relay, by the documented commands:

`fedh2l relay` carries, and may be killed and started again.
"""

import time

import pytest

from local_federation import MEMBERS, RELAY, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
TWO, ROUNDS = MEMBERS[:2], 60


def behind_nat(federation: LocalFederation, rounds: int) -> None:
    """Two members without an address that federate through the relay, and wait for it where it
    comes later than they.
    """
    convene(federation, TWO, relay=True, rounds=rounds)
    for name in TWO:
        federation.join(name, model="oslo")
    while not all("waiting for a relay at 127.0.0.1:" in federation.said(name) for name in TWO):
        assert all(process.poll() is None for process in federation.running.values())
        time.sleep(0.05)
    federation.relay()
    for name in TWO:
        federation.until(name, 2)


def test_members_behind_a_relay_that_is_killed_go_on_once_it_is_started_again(
    federation: LocalFederation,
) -> None:
    behind_nat(federation, ROUNDS)
    federation.running[RELAY].kill()
    federation.running[RELAY].wait()
    time.sleep(0.5)
    before = [len(federation.rounds(name)) for name in TWO]
    time.sleep(2.0)
    assert [len(federation.rounds(name)) for name in TWO] == before and max(before) < ROUNDS, (
        "they do not need the relay"
    )
    federation.relay()
    federation.wait(*TWO)
    for name in TWO:
        lines = federation.rounds(name)
        assert [x["round"] for x in lines] == list(range(ROUNDS)) and not any(
            x["missing"] or x["refused"] for x in lines
        )
    federation.stop(RELAY)
    assert "connected: kiev, lyon" in federation.said(RELAY) and "relay stopped" in federation.said(
        RELAY
    )


@pytest.mark.slow
def test_a_second_process_with_the_keys_of_one_that_runs_is_refused_by_the_command(
    federation: LocalFederation,
) -> None:
    behind_nat(federation, rounds=10_000)  # more than can end meanwhile
    output = federation.command(
        *federation.joining("kiev", model="oslo", out="a second folder"), code=2
    )
    assert "kiev: a member of this name is running already; stop that one first" in output
    assert all(process.poll() is None for process in federation.running.values())
