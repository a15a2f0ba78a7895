"""What a worker does, in a process of this machine or an actor of a cluster: the work for its
peers, in which each round's outbox is said and the answer awaited.
"""

import traceback
from collections.abc import Callable, Sequence
from typing import Any

from fedh2l.delivery import Delivery, Outbox
from fedh2l.error import FedH2LError
from fedh2l.simulation.executors import Work

Talk = Callable[[tuple[str, Any]], Any]  # say something, and wait for the reply


class Elsewhere:
    """An exchange whose messages meet in another process."""

    def __init__(self, talk: Talk, key_every: int | None) -> None:
        self._talk, self.key_every = talk, key_every

    def __call__(self, t: int, outbox: Outbox) -> Delivery:
        return self._talk(("say", (t, dict(outbox))))


def host(work: Work, group: Sequence[str], key_every: int | None, talk: Talk) -> None:
    """Do the work; whatever ends it is said in the end.

    Raises EOFError or the like where nobody listens any more.
    """
    try:
        for item in work(group, Elsewhere(talk, key_every)):
            talk(("item", item))
        last: tuple[str, Any] = ("end", None)
    except FedH2LError as error:
        last = ("refused", str(error))
    except ModuleNotFoundError as error:
        last = ("missing", error.name)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception:
        last = ("failed", traceback.format_exc())
    talk(last)
