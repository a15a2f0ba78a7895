"""The environment variables FEDH2L_COMMAND_FLAG: a misspelt one is refused, and not ignored."""

import os
from collections.abc import Sequence

from cyclopts import App

from fedh2l.commands.flags import check_environment
from fedh2l.error import FedH2LError, choose

PREFIX = "FEDH2L_"
DATA = "FEDH2L_DATA"  # names no command: it is the folder of the data


def check_commands(app: App, groups: Sequence[App]) -> None:
    """Refuse a variable that names no command, or no flag of one.

    `groups`: the commands of `app` that have commands of their own.
    """
    for variable in sorted(os.environ):
        if not variable.startswith(PREFIX) or variable == DATA:
            continue
        kind = f"command in the environment variable {variable}"
        command, *rest = variable.removeprefix(PREFIX).split("_")
        choose(kind, command, _commands_of(app))
        for group in groups:
            if command == _in_variables(group.name[0]) and rest:
                choose(kind, rest.pop(0), _commands_of(group))
        if not rest:
            raise FedH2LError(f"{variable}: names a command and no flag of it")


def check_settings(app: App, tokens: Sequence[str]) -> None:
    """Refuse a variable of the command that the tokens call, where it names none of its flags."""
    commands, apps, _ = app.parse_commands([*tokens])
    # A group alone has no flags; --help and --version, which count as commands, need none.
    if apps[-1].default_command is None or commands[-1].startswith("-"):
        return
    # This command looks at its own variables: its flags depend on the method.
    if commands == ("invite", "new"):
        return
    prefix = PREFIX + "".join(f"{_in_variables(name)}_" for name in commands)
    check_flags(apps[-1], prefix)


def check_flags(command: App, prefix: str) -> None:
    """Refuse a variable with the prefix of this command that names none of its flags."""
    flags = [word for argument in command.assemble_argument_collection() for word in argument.names]
    names = {word.removeprefix("--").replace("-", "_") for word in flags}
    check_environment(prefix, sorted(names))


def _in_variables(name: str) -> str:
    return name.upper().replace("-", "_")


def _commands_of(group: App) -> list[str]:
    return [_in_variables(name) for name in group if not name.startswith("-")]
