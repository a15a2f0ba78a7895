"""The protocol that members speak: invite, answer, posts, frames and what each side does with them.

A release speaks one protocol by itself, and understands some before it. The terms name the one of a
federation, so that members of unlike releases know before they join whether they understand each
other. PROTOCOL rises with each change that an earlier release does not understand.
"""

from typing import Any

from fedh2l.live.trust.rules import TermsError

PROTOCOL, OLDEST = 1, 1


def check_protocol(entries: Any) -> None:
    """Raise TermsError for terms of a protocol that this release does not speak; which side has to
    upgrade is said before anything else is looked at.
    """
    protocol = entries.get("protocol") if isinstance(entries, dict) else None
    if type(protocol) is not int:
        raise TermsError("the terms name no protocol: the invite is of an earlier release, or none")
    mine = f"this release speaks {spoken(OLDEST, PROTOCOL)}"
    if protocol > PROTOCOL:
        raise TermsError(
            f"the federation speaks protocol {protocol}, {mine}: upgrade FedH2L here, and try again"
        )
    if protocol < OLDEST:
        raise TermsError(
            f"the federation speaks protocol {protocol}, {mine}: the others must upgrade, and the "
            "convener then runs fedh2l invite upgrade; until then use the earlier release here"
        )


def check_answer(name: str, oldest: int, newest: int, protocol: int) -> None:
    """Raise TermsError for the answer of a release that does not speak the federation's."""
    if oldest <= protocol <= newest:
        return
    side = f"{name} must upgrade" if newest < protocol else "the federation must upgrade first"
    raise TermsError(
        f"{name}: its release speaks {spoken(oldest, newest)}, the federation protocol {protocol}: "
        f"{side}"
    )


def spoken(oldest: int, newest: int) -> str:
    return f"protocol {newest}" if oldest == newest else f"protocols {oldest} to {newest}"
