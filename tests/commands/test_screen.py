"""What a member sees: every round in a table that moves, or in a line, with what was missing and
refused.
"""

import io

import pytest
from rich.console import Console

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.commands.screen import Screen
from fedh2l.live.news import News

LINE = {
    "round": 3,
    "payload_bytes": 61,
    "heard": {"oslo": 70},
    "missing": ["kiev"],
    "refused": {"lyon": "lyon: damaged on its way"},
    "apart": {"oslo": 0.25},
    "accuracy": 0.9,
    "wire": {"kiev": [10, 0], "lyon": [9, 80], "oslo": [100, 120]},
    "seconds": 0.5,
}


@pytest.mark.parametrize("terminal", [True, False])
def test_missing_and_refused_are_shown_and_counted(terminal: bool) -> None:
    out = io.StringIO()
    with Screen("rome", 9, Console(file=out, force_terminal=terminal, width=120)) as screen:
        screen.show(News(text="rome: from round 0 of 9"))
        for _ in range(2):
            screen.show(News(LINE, "left kiev: lease ran out", frozenset({"oslo"})))
    assert screen.missing["kiev"] == 2 and screen.refused["lyon"] == 2
    expected = (
        ("0.250", "yes", "left kiev", "90.0")
        if terminal
        else ("missing kiev", "refused lyon", "heard oslo", "left kiev")
    )
    assert all(text in out.getvalue() for text in expected)
