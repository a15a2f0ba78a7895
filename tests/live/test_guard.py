"""A liar among five members of a live federation, by the documented commands; `guard` is a term of
the invite, which a person sees before accepting.
"""

import os
from pathlib import Path
from statistics import mean

import pytest

from local_federation import MEMBERS, MODEL, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
FILE = Path(__file__).with_name("few_rows.py")
FIVE, ROUNDS = (*MEMBERS, "vigo"), 12


@pytest.mark.slow
def test_guarded_members_keep_their_accuracy_and_say_whom_they_dropped(
    federation: LocalFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vigo, of five, says another class than it believes, of every seed row. In the control, which
    is the same without the guard, the honest lose a tenth of their accuracy.
    """
    parts = (FILE.parents[1], FILE.parent / "network")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, parts)))
    open_, guarded = (reached(federation, flag) for flag in ("", "--guard"))
    print(f"the honest: {open_:.3f} without the guard, {guarded:.3f} with it")
    assert guarded > 0.95 and open_ < 0.9
    for name in MEMBERS:
        log = (federation.folder / name / "log.txt").read_text()
        assert "dropped vigo: it agrees neither with this peer nor with those" in log
        status = federation.command("status", name)
        assert "vigo since round 5: it agrees neither" in status
    assert "dropped" not in (federation.folder / "vigo-open" / "log.txt").read_text()


def reached(federation: LocalFederation, flag: str) -> float:
    """The accuracy of the honest after the last round, in a federation of its own."""
    convene(
        federation,
        FIVE,
        rounds=ROUNDS,
        seed_rows=90,
        build="--unlabelled --overwrite",
        more=f"--steps 5 {flag}",
    )
    shown = federation.command("invite", "show", "invite.json")
    guard = "each member believes no other before its posteriors have earned it"
    assert (f"guard: {guard}" in shown) == bool(flag)
    for name in FIVE:
        words = federation.joining(name)
        federation.start(name, *(w.replace(str(MODEL), str(FILE)) for w in words))
    federation.wait()
    accuracies = [federation.rounds(name)[-1]["accuracy"] for name in MEMBERS]
    if not flag:
        for path in [federation.folder / name for name in FIVE]:
            path.rename(path.with_name(f"{path.name}-open"))
        (federation.folder / "invite.json").unlink()
    return mean(accuracies)


def test_the_guard_is_seen_by_whoever_accepts_and_no_version_changes_it_without_consent(
    federation: LocalFederation,
) -> None:
    from dataclasses import replace

    from fedh2l.live.trust.accepted import changes
    from fedh2l.live.trust.terms import open_invite

    convene(federation, MEMBERS[:2], rounds=2, more="--guard")
    assert "guard: each member believes no other" in federation.command(
        "invite", "show", "invite.json"
    )
    terms = open_invite(federation.folder / "invite.json")
    without = replace(terms, version=3, guard=False)
    assert changes(federation.folder / "keys-lyon", without) == ["guard True becomes False"]
