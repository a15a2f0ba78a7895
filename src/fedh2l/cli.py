"""The command line. Commands are imported when they are called, so that --help is instant."""

import io
import os
import sys

from cyclopts import App, CycloptsError
from cyclopts.config import Env

from fedh2l.commands.environment import PREFIX, check_commands, check_settings
from fedh2l.commands.refusals import reason_of
from fedh2l.commands.sweep_example import EXAMPLE
from fedh2l.error import FedH2LError

app = App(
    name="fedh2l",
    help="Federated learning between unlike models on unlike data: peers exchange posteriors on "
    "a shared seed set, and nothing else.",
    help_format="plaintext",  # rich text would cost a sixth of a second to import
    help_epilogue="First steps: fedh2l run trains five unlike peers on handwritten digits and "
    "compares them with no exchange at all.",
)
app.command(
    "fedh2l.commands.run:run",
    name="run",
    help="Simulate a federation and compare it with the baselines.",
)
app.command(
    "fedh2l.commands.new:new",
    name="new",
    help="Write a small model of your own, with data and a test, to go on from.",
)
app.command(
    "fedh2l.commands.sweep:sweep",
    name="sweep",
    help="Methods × data sets × settings × seeds: each cell computed once, a table at the end.\n\n"
    "A cell is kept by a hash of its configuration, its data and the code. One that fails is "
    "reported at the end with its log, and stops no other; the exit code is then 1.",
    help_epilogue=EXAMPLE,
)
app.command(
    "fedh2l.commands.compare:compare",
    name="compare",
    help="Runs and sweeps that exist, side by side, with paired tests and their correction.\n\n"
    "fedh2l compare sweeps/mine --against fedh2l --out comparison\n\n"
    "fedh2l compare runs/labelled runs/unlabelled --across-settings",
)
app.command(
    "fedh2l.commands.report:report",
    name="report",
    help="A run, a sweep or a live member's part as one page for any browser: FOLDER/report.html.",
)
app.command(
    "fedh2l.commands.export:export",
    name="export",
    help="The trained model of a peer as a file: ONNX, safetensors, skops or its framework's own.",
)
app.command(
    "fedh2l.commands.audit:audit",
    name="audit",
    help="List every message that left this machine, and what was in it; as a page for a "
    "data-protection officer (--sheet), or attacked for what it tells of private rows (--privacy).",
)
seedset = App(
    name="seedset",
    help="The seed set of a live federation: make it, check it, compare it.",
    help_format="plaintext",
)
seedset.command(
    "fedh2l.commands.seedset:build",
    name="build",
    help="Make a seed set from .npz, .csv, .parquet or images.",
)
seedset.command(
    "fedh2l.commands.seedset:hash_",
    name="hash",
    help="Its digest, and a fingerprint to read out.",
)
seedset.command(
    "fedh2l.commands.seedset:check",
    name="check",
    help="Is it whole and balanced, and are rows of mine in it?",
)
seedset.command("fedh2l.commands.seedset:diff", name="diff", help="In what two seed sets differ.")
app.command(seedset)
invite = App(
    name="invite", help="Convene a live federation: who, on which terms.", help_format="plaintext"
)
invite.command(
    "fedh2l.commands.invite:new",
    name="new",
    help="Write an invite with yourself as first member.",
    help_flags=(),  # its flags, and so its help, depend on the --algorithm among them
    version_flags=(),
)
invite.command(
    "fedh2l.commands.invite:add", name="add", help="Take in those who answered: a new version."
)
invite.command("fedh2l.commands.invite:remove", name="remove", help="Take one out: a new version.")
invite.command("fedh2l.commands.invite:show", name="show", help="The terms of an invite.")
invite.command(
    "fedh2l.commands.invite_upgrade:upgrade",
    name="upgrade",
    help="Speak the protocol of this release: a new version.",
)
invite.command(
    "fedh2l.commands.invite_take_over:take_over",
    name="take-over",
    help="Convene from now on, with a new authority: each member has to consent.",
)
app.command(invite)
app.command(
    "fedh2l.commands.accept:accept",
    name="accept",
    help="Accept an invite: see its terms, make keys, answer.",
)
app.command(
    "fedh2l.commands.consent:consent",
    name="consent",
    help="See what a new version of the invite changes, and let it be taken up.",
)
app.command(
    "fedh2l.commands.rekey:rekey",
    name="rekey",
    help="Make your next keys, signed by the present ones.",
)
app.command(
    "fedh2l.commands.doctor:doctor",
    name="doctor",
    help="Will joining work, and is my model a good learner? Each failure with its fix.\n\n"
    "With an INVITE: keys, certificate, clock, port, the way to each member, seed set, your model "
    "and a dry round, of which nothing is sent.\n\n"
    "Without one your model alone: fedh2l doctor --model mine.py:model --seed-set "
    "seeds.safetensors. It is made afresh some eight times, asked and taught, to see that it says "
    "distributions over the right classes in the right order, and of a single row as of many; that "
    "it learns what a lesson says, and not only its own rows; that there is no softmax too many; "
    "that it can be saved, goes on as if nothing had been, and repeats itself; that its rows are "
    "like the seed rows; and how long a round takes. Exits with 1 where something is wrong.",
)
app.command(
    "fedh2l.commands.join:join",
    name="join",
    help="Take part in a live federation, or go on with it.",
)
app.command(
    "fedh2l.commands.status:status", name="status", help="How far a member is, and who was missing."
)
app.command(
    "fedh2l.commands.join:leave",
    name="leave",
    help="End taking part after the present round, with the model saved.",
)
app.command(
    "fedh2l.commands.relay:relay", name="relay", help="Carry posts between members behind NAT."
)
app.command("fedh2l.commands.watch:watch", name="watch", help="A local page with what happens.")


# Flags of an earlier time, which help does not show.
ALIASES = {"--seeds": "--seed-set"}


def main(arguments: list[str] | None = None) -> None:
    """Exits with 2 after a refusal, which is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        # Where the locale has no λ or →, a '?' stands for it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        check_commands(app, (seedset, invite))
        _call(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has seen enough, as in fedh2l status FOLDER | head.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
    except (FedH2LError, CycloptsError, OSError, ImportError, MemoryError) as error:
        reason = reason_of(error)
        if reason is None:
            raise
        print(f"fedh2l: {' '.join(reason.split())}", file=sys.stderr)
        sys.exit(2)


def _call(tokens: list[str]) -> None:
    if tokens[:1] == ["run"]:
        # The flags of run depend on the data set and the method that are named among them.
        from fedh2l.commands.run import app_of

        run, words = app_of(tokens[1:])
        run(words, exit_on_error=False, print_error=False)
        return
    # A command has no version of its own. Of a sweep --seeds are random seeds.
    words = tokens if tokens[:1] == ["sweep"] else [_current_name(token) for token in tokens]
    words = ["--version"] if "--version" in tokens else words
    app.config = [Env(PREFIX, show=False)]
    check_settings(app, words)
    app(words, exit_on_error=False, print_error=False)


def _current_name(token: str) -> str:
    """The token with the present name of its flag: --seeds=FILE is --seed-set=FILE."""
    flag, equals, value = token.partition("=")
    return ALIASES.get(flag, flag) + equals + value
