"""`fedh2l join` and `leave`: the commands of a member once it is invited."""

import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, SeedSetFile, tell
from fedh2l.commands.signals import stop_on_signals
from fedh2l.data.seedset_file import load_seed_set
from fedh2l.error import FedH2LError
from fedh2l.live.member_folder import MemberFolder, is_running, read_journal
from fedh2l.live.own_fault import fault_of
from fedh2l.live.trust.terms import open_invite
from fedh2l.record.atomic import write_file


def join(
    invite: Path,
    *,
    model: str,
    seed_set: SeedSetFile = Path("seeds.safetensors"),
    identity: Path = DEFAULT_IDENTITY,
    out: Path | None = None,
    listen: str = "",
    model_timeout: float = 0.0,
    epsilon: float | None = None,
    delta: float | None = None,
    clip: float | None = None,
    sampling: float | None = None,
    ledger: Path | None = None,
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
    listen
        host:port to listen at, where it is not your address in the invite: behind a forwarded port,
        or in a container (0.0.0.0:7447).
    model_timeout
        Seconds after which the process ends, with exit code 4, while your model works (posteriors
        or learn); the same command goes on from the last finished round. 0: never.
    epsilon
        Differential privacy of each of your private rows (docs/privacy.md): the budget of their
        whole life, in this federation and all others. It is your own affair, and no term. Needs a
        network of PyTorch on arrays, and the extra privacy.
    delta
        Probability with which the bound may fail; by default 1/n² for n private rows.
    clip
        Largest norm of the gradient of one private row; by default 1.
    sampling
        Probability with which a private row is in a step; by default such that 256 are expected, or
        half of them.
    ledger
        Where it is accounted; by default ledger.jsonl beside your keys. Keep it as long as you
        have the rows.
    as_json
        A line of JSON per round.
    """
    from fedh2l.commands.screen import Screen
    from fedh2l.learners.own_file import own_learner
    from fedh2l.learners.privacy import Privacy
    from fedh2l.live.budget import LEDGER, within_budget
    from fedh2l.live.join import join as joined
    from fedh2l.live.trust.identity import open_identity

    stop_on_signals()
    os.umask(0o077)  # models and posts are nobody else's
    me, terms, seeds = open_identity(identity), open_invite(invite), load_seed_set(seed_set)
    path = out or Path("live") / f"{me.name}-{terms.federation}"
    with one_line_for_own_faults(path), MemberFolder(path) as folder:
        (path / "leave").unlink(missing_ok=True)
        learner, validation = own_learner(model, seeds)
        privacy = Privacy(epsilon=epsilon, delta=delta, clip=clip, sampling=sampling)
        learner = within_budget(learner, privacy, ledger or identity / LEDGER, terms)
        if "torch" in sys.modules:
            import torch

            torch.set_num_threads(1)  # the same sums in the same order, whatever the machine
        try:
            console = Console(stderr=as_json)
            with Screen(me.name, terms.rounds, console, folder.notices) as screen:
                for news in joined(
                    invite,
                    me,
                    seeds,
                    learner,
                    folder,
                    validation,
                    listen=listen,
                    model_timeout=model_timeout,
                ):
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


@contextmanager
def one_line_for_own_faults(path: Path) -> Generator[None]:
    """A failure of the user's own model is one line; its traceback is in the log."""
    try:
        yield
    except FedH2LError:
        raise
    except Exception as error:
        reason = fault_of(error)
        if reason is None:
            raise
        raise FedH2LError(
            f"{reason}; the traceback is in {path / 'log.txt'}. Once it is mended the same command "
            "goes on from the last finished round"
        ) from error


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
