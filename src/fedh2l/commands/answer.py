"""The answer of a command: words for a person, JSON for a script."""

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json")]
SeedSetFile = Annotated[Path, Parameter(name="--seed-set")]
DEFAULT_IDENTITY = Path("identity")  # the folder of a member's keys, where none is named


def tell(answer: dict[str, Any], as_json: bool) -> None:
    """Print an answer for a script, or for a person."""
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    for key, value in answer.items():
        if isinstance(value, list) and value:
            print(f"{key}:")
            for item in value:
                print(f"  {_words(item)}")
        else:
            print(f"{key}: {_words(value)}")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "none" if value == [] else str(value)


def hint(text: str, as_json: bool) -> None:
    """Print what a person does next; a script gets nothing."""
    if not as_json:
        print(text)
