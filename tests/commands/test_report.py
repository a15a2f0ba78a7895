"""The report says what left each machine by what was sent, and not by the name of the method."""

from pathlib import Path

import pytest

from fedh2l.cli import main

SHORT = ["--rounds", "1", "--steps", "1", "--peers", "mlp", "--domains", "2", "--no-baselines"]


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("alone", "<p>Nothing."),
        ("fedavg", "<p>The weights of each model, to every peer that hears it."),
        ("fedh2l", "no weights, no gradients, no private rows."),
    ],
)
def test_the_report_says_what_left(method: str, says: str, tmp_path: Path) -> None:
    out = tmp_path / method
    with pytest.raises(SystemExit) as end:
        main(["run", "--algorithm", method, "--workers", "1", "--out", str(out), *SHORT])
    assert end.value.code == 0
    page = (out / "report.html").read_text()
    assert says in page
    assert ("no private rows." in page) == (method == "fedh2l")
