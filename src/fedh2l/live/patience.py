"""Writing that waits: a disk that is full or read-only is mended by a person, and then the same
process goes on.
"""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from fedh2l.live.notices import Notices

MENDED_BY_OTHERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
AGAIN = 2.0  # seconds between two tries
PATIENCE = 3600.0  # seconds of trying, after which the process ends with the reason

Result = TypeVar("Result")


def is_mended_by_others(error: BaseException | None) -> bool:
    """Whether it is the disk's fault, so that it is worth while to try again."""
    return isinstance(error, OSError) and error.errno in MENDED_BY_OTHERS


def write_patiently(write: Callable[[], Result], notices: Notices) -> Result:
    """What `write` returns, once it could write; it must not mind what a try before has left.

    The owner is told at once, and when it goes on. The others close their rounds meanwhile.
    """
    start = time.monotonic()
    while True:
        try:
            result = write()
        except OSError as error:
            if not is_mended_by_others(error) or time.monotonic() > start + PATIENCE:
                raise
            what, fix = (error.strerror or "").lower(), "free some space"
            if error.errno == errno.EROFS:
                fix = "make it writable"
            notices.hold(
                "disk",
                f"nothing can be written in {notices.folder} ({what}): {fix}; it is tried again "
                f"each {AGAIN:g} s for {PATIENCE / 60:.0f} min, and nothing is lost",
            )
            time.sleep(AGAIN)
        else:
            notices.release("disk", "the disk takes what is written again")
            return result
