"""What a command answers: words for a person, JSON for a script."""

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json")]
SeedSetFile = Annotated[Path, Parameter(name=("--seed-set", "--seeds"))]
DEFAULT_IDENTITY = Path("identity")  # the folder of a member's keys, where none is named


def tell(found: dict[str, Any], as_json: bool) -> None:
    """An answer for a script, or for a person."""
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for key, value in found.items():
        if isinstance(value, list) and value:
            print(f"{key}:")
            for item in value:
                print(
                    "  "
                    + (
                        ", ".join(f"{k} {v}" for k, v in item.items())
                        if isinstance(item, dict)
                        else str(item)
                    )
                )
        else:
            shown = (
                ", ".join(f"{k} {v}" for k, v in value.items())
                if isinstance(value, dict)
                else value
            )
            print(f"{key}: {shown if shown != [] else 'none'}")


def hint(text: str, as_json: bool) -> None:
    if not as_json:
        print(text)
