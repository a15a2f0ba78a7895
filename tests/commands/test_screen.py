"""What a member sees: every round in a table that moves, or in a line, with what was missing and
refused.
"""

import io

import pytest
from rich.console import Console

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.commands.screen import Screen
from fedh2l.live.news import News
from fedh2l.live.notices import Notices

LINE = {
    "round": 3,
    "payload_bytes": 61,
    "heard": {"oslo": 70},
    "missing": ["kiev"],
    "gone": ["kiev"],
    "refused": {"lyon": "lyon: damaged on its way"},
    "apart": {"oslo": 0.25},
    "accuracy": 0.9,
    "wire": {"kiev": [10, 0], "lyon": [9, 80], "oslo": [100, 120]},
    "seconds": 0.5,
}


@pytest.mark.parametrize("terminal", [True, False])
def test_missing_and_refused_are_shown_and_counted(terminal: bool) -> None:
    out = io.StringIO()
    console, notices = Console(file=out, force_terminal=terminal, width=120), Notices()
    with Screen("rome", 9, console, notices) as screen:
        notices.tell("round 2 is paused")
        screen.show(News(text="rome: from round 0 of 9"))
        for _ in range(2):
            screen.show(News(LINE, "left kiev: lease ran out", frozenset({"oslo"})))
    assert screen.missing["kiev"] == 2 and screen.refused["lyon"] == 2
    expected = (
        ("0.250", "yes", "has left", "left kiev", "90.0", "is paused")
        if terminal
        else ("missing kiev", "refused lyon", "heard oslo", "left kiev", "is paused")
    )
    assert all(text in out.getvalue() for text in expected)
