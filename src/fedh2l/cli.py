"""The command line. Commands are imported when they are called, so that --help is instant."""

import sys
from itertools import pairwise
from pathlib import Path

from cyclopts import App, CycloptsError
from cyclopts.config import Env, Toml

from fedh2l.error import FedH2LError

app = App(
    name="fedh2l",
    help="Federated learning between unlike models on unlike data: peers exchange posteriors on a shared seed set, and nothing else.",
    help_format="plaintext",  # rich text would cost a sixth of a second to import
    help_epilogue="First steps: fedh2l run trains five unlike peers on handwritten digits and compares them with no exchange at all.",
)
app.command("fedh2l.commands:run", name="run", help="Simulate a federation and compare it with the honest rows.")
app.command("fedh2l.commands:report", name="report", help="Write a run's report.html anew.")
app.command("fedh2l.commands:audit", name="audit", help="List every message that left this machine, and what was in it.")


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
    except KeyboardInterrupt:
        print("\nstopped; go on with fedh2l run --resume FOLDER", file=sys.stderr)
        sys.exit(130)


def _refuse(why: str) -> None:
    print(f"fedh2l: {' '.join(why.split())}", file=sys.stderr)
    sys.exit(2)


def _configured(tokens: list[str]) -> list[Toml]:
    """The file named by --config, read before the flags so that these win over it."""
    flat = [part for token in tokens for part in (token.split("=", 1) if token.startswith("--config=") else [token])]
    paths = [path for flag, path in pairwise(flat) if flag == "--config"]
    return [Toml(Path(path), must_exist=True, use_commands_as_keys=False) for path in paths[-1:]]
