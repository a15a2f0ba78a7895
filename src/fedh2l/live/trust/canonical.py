"""The one way to write entries down, so that they can be signed."""

import json
from typing import Any


def canonical(entries: dict[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(
        entries, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()
