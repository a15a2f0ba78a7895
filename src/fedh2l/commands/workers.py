"""Where a run is computed: in processes of this machine, or in actors of a Ray cluster."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from fedh2l.error import FedH2LError

ABOUT_WORKERS = ("workers", "ray", "gpus_per_worker")
MOST_WORKERS = 1024
LOCAL = "local"


@dataclass(frozen=True)
class Workers:
    """`count`: None for one per core; `ray`: an address, None for processes of this machine."""

    count: int | None
    ray: str | None
    gpus_per_worker: float

    def __post_init__(self) -> None:
        if self.count is not None and not 1 <= self.count <= MOST_WORKERS:
            raise FedH2LError(f"workers is {self.count}; it must be 1 to {MOST_WORKERS}")
        if self.gpus_per_worker < 0:
            raise FedH2LError(f"gpus_per_worker is {self.gpus_per_worker}; it must be 0 or more")
        if self.gpus_per_worker and self.ray is None:
            raise FedH2LError("--gpus-per-worker is a lease of a Ray cluster; add --ray HOST:PORT")


def with_address(words: Sequence[str]) -> list[str]:
    """The words of a command line, with an address after each --ray that has none."""
    usual = os.environ.get("RAY_ADDRESS") or LOCAL
    complete: list[str] = []
    for i, word in enumerate(words):
        complete.append(word)
        following = words[i + 1] if i + 1 < len(words) else "--"
        if word == "--ray" and following.startswith("-"):
            complete.append(usual)
    return complete
