"""Whether anybody takes what a call returns."""

import dis
from types import FrameType


def is_discarded(called: FrameType | None) -> bool:
    """Whether the function that runs in this frame was called by a statement that drops what it
    returns. False where that cannot be told: not every Python has frames and these instructions.
    """
    if called is None or called.f_back is None:
        return False
    caller = called.f_back
    later = (i for i in dis.get_instructions(caller.f_code) if i.offset > caller.f_lasti)
    following = next(later, None)
    return following is not None and following.opname == "POP_TOP"
