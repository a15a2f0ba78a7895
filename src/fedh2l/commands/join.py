"""`fedh2l join`, `status` and `leave`: the commands of a member once it is invited."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, SeedSetFile, tell
from fedh2l.commands.signals import stop_on_signals
from fedh2l.data.seedset_file import load_seed_set
from fedh2l.live.member_folder import MemberFolder, is_running, read_journal, seconds_since_round
from fedh2l.live.trust.terms import open_invite
from fedh2l.record.atomic import write_file


def join(
    invite: Path,
    *,
    model: str,
    seed_set: SeedSetFile = Path("seeds.safetensors"),
    identity: Path = DEFAULT_IDENTITY,
    out: Path | None = None,
    as_json: Json = False,
) -> None:
    """Take part in a federation. The same command goes on after a crash, a kill or Ctrl-C, from the
    last finished round.

    Parameters
    ----------
    invite
        The invite with you in it. Where the convener replaces the file by a later version, it is
        taken up between two rounds.
    model
        FILE.py:FUNCTION: your function that takes the seed set and gives a Learner. A function
        `validation()` in the same file that gives (x, y) is used to show your accuracy, to nobody
        but you.
    seed_set
        The seed set that came with the invite.
    identity
        The folder of your keys.
    out
        The folder of your part; by default live/NAME-FEDERATION.
    as_json
        A line of JSON per round.
    """
    from fedh2l.commands.screen import Screen
    from fedh2l.learners.own_file import own_learner
    from fedh2l.live.join import join as joined
    from fedh2l.live.trust.identity import open_identity

    stop_on_signals()
    me, terms, seeds = open_identity(identity), open_invite(invite), load_seed_set(seed_set)
    learner, validation = own_learner(model, seeds)
    path = out or Path("live") / f"{me.name}-{terms.federation}"
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)  # the same sums in the same order, whatever the machine
    with MemberFolder(path) as folder:
        (path / "leave").unlink(missing_ok=True)
        try:
            with Screen(me.name, terms.rounds, Console(stderr=as_json)) as screen:
                for news in joined(invite, me, seeds, learner, folder, validation):
                    if as_json and news.line is not None:
                        print(json.dumps(news.line), flush=True)
                    else:
                        screen.show(news)
        except KeyboardInterrupt:
            print(
                f"\nstopped after {folder.done} finished rounds; the same command goes on from "
                "there",
                file=sys.stderr,
            )
            sys.exit(130)
    if not as_json:
        print(f"everything lies in {path}")


def status(folder: Path, *, as_json: Json = False) -> None:
    """How far a member is, whom it hears, and what it should know.

    Parameters
    ----------
    folder
        The --out of fedh2l join.
    as_json
        Answer in JSON.
    """
    lines, terms = read_journal(folder), open_invite(folder / "invite.json")
    no_line: dict[str, Any] = {"round": -1, "heard": {}, "missing": [], "accuracy": None}
    last = lines[-1] if lines else no_line
    rounds = last["round"] + 1
    state = "finished" if rounds >= terms.rounds else "stopped"
    if is_running(folder):
        state = "running"

    answer = {
        "state": state,
        "rounds": f"{rounds} of {terms.rounds}",
        "last round finished": f"{seconds_since_round(folder):.0f} s ago",
        "invite version": terms.version,
        "heard in the last round": list(last["heard"]),
        "missing in the last round": last["missing"],
        "missed so far": _counts(lines, "missing"),
        "refused so far": _counts(lines, "refused"),
        "accuracy": last["accuracy"],
        "payload bytes said": sum(line["payload_bytes"] for line in lines),
        "log": str(folder / "log.txt"),
    }
    tell(answer, as_json)


def _counts(lines: Sequence[dict[str, Any]], key: str) -> Counter[str] | str:
    """In how many rounds each member was missing, or refused."""
    return Counter(name for line in lines for name in line[key]) or "nobody"


def leave(folder: Path, *, as_json: Json = False) -> None:
    """End taking part after the present round; the model is saved. Ask the convener to take you
    out: fedh2l invite remove.

    Parameters
    ----------
    folder
        The --out of fedh2l join.
    as_json
        Answer in JSON.
    """
    read_journal(folder)
    if is_running(folder):
        write_file(folder / "leave", b"")
        answer = {"leaving": True, "why": "after the present round"}
    else:
        answer = {"leaving": False, "why": "it is not running: nothing to end"}
    tell(answer, as_json)
