"""The command line. Commands are imported when they are called, so that --help is instant."""

import sys
from itertools import pairwise
from pathlib import Path

from cyclopts import App, CycloptsError
from cyclopts.config import Env, Toml

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
    help="Simulate a federation and compare it with the honest rows.",
)
app.command("fedh2l.commands.report:report", name="report", help="Write a run's report.html anew.")
app.command(
    "fedh2l.commands.audit:audit",
    name="audit",
    help="List every message that left this machine, and what was in it.",
)
seedset = App(
    name="seedset",
    help="The seed set of a live federation: make it, check it, compare it.",
    help_format="plaintext",
)
seedset.command(
    "fedh2l.commands.seedset:build",
    name="build",
    help="Make a seed set from .npz, .parquet or images.",
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
app.command(invite)
app.command(
    "fedh2l.commands.accept:accept",
    name="accept",
    help="Accept an invite: see its terms, make keys, answer.",
)
app.command(
    "fedh2l.commands.doctor:doctor",
    name="doctor",
    help="Will joining work? Each failure with its fix.",
)
app.command(
    "fedh2l.commands.join:join",
    name="join",
    help="Take part in a live federation, or go on with it.",
)
app.command(
    "fedh2l.commands.join:status", name="status", help="How far a member is, and who was missing."
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


# Module: what installs it.
EXTRAS = {
    "torch": "torch",
    "sklearn": "sklearn",
    "zenoh": "zenoh",
    "cryptography": "zenoh",
    "pooch": "data",
}


def main(arguments: list[str] | None = None) -> None:
    """Exits with 2 after a refusal, which is one line on standard error."""
    tokens = sys.argv[1:] if arguments is None else arguments
    try:
        app.config = [Env("FEDH2L_", show=False), *_configured(tokens)]
        app(tokens, exit_on_error=False, print_error=False)
    except (FedH2LError, CycloptsError) as error:
        _refuse(str(error))
    except FileNotFoundError as error:
        _refuse(f"{error.filename}: no such file")
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(str(error.name).partition(".")[0])
        if extra is None:
            raise
        _refuse(f"this needs {error.name}, which is not installed: pip install 'fedh2l[{extra}]'")
    except KeyboardInterrupt:
        print("\nstopped; go on with fedh2l run --resume FOLDER", file=sys.stderr)
        sys.exit(130)


def _refuse(why: str) -> None:
    print(f"fedh2l: {' '.join(why.split())}", file=sys.stderr)
    sys.exit(2)


def _configured(tokens: list[str]) -> list[Toml]:
    """The file named by --config, read before the flags so that these win over it."""
    flat = [
        part
        for token in tokens
        for part in (token.split("=", 1) if token.startswith("--config=") else [token])
    ]
    paths = [path for flag, path in pairwise(flat) if flag == "--config"]
    return [Toml(Path(path), must_exist=True, use_commands_as_keys=False) for path in paths[-1:]]
