"""The report of a run is one file that says in words what was reached and what left, and that a
phone and a screen reader can read.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fedh2l.cli import main
from fedh2l.commands.pages.worth import sentences
from fedh2l.simulation.build import data_of
from fedh2l.simulation.settings import compose

SHORT = ["--rounds", "2", "--steps", "2", "--peers", "mlp", "--domains", "2"]


def reported(out: Path, *flags: str) -> str:
    """The page of a short run on digits."""
    with pytest.raises(SystemExit) as end:
        main(["run", "--workers", "1", "--out", str(out), *SHORT, *flags])
    assert end.value.code == 0
    return (out / "report.html").read_text()


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with its baselines."""
    out = tmp_path_factory.mktemp("runs") / "run"
    reported(out, "--baselines")
    return out


class Page(HTMLParser):
    """The tags of a page, each with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("alone", "<p>Nothing."),
        ("fedavg", "<p>The weights of each model, to every peer that hears it."),
        ("fedh2l", "no weights, no gradients, no private rows."),
        ("fd", "<p>Posteriors on 10 rows, 10 probabilities each"),
    ],
)
def test_the_report_says_what_left(method: str, says: str, tmp_path: Path) -> None:
    page = reported(tmp_path / method, "--algorithm", method, "--no-baselines")
    assert says in page
    assert ("no private rows." in page) == (method in ("fedh2l", "fd"))
    # Without baselines nobody knows what it is worth, and of weights there are no answers.
    assert "what that is worth is not known" in page
    assert ("Who taught whom" in page) == (method in ("fedh2l", "fd"))
    # FD's posteriors are one for each class, and not of seed rows.
    assert ("Where peers disagree" in page) == (method == "fedh2l")


def test_the_report_is_one_small_file_that_a_screen_reader_can_read(compared: Path) -> None:
    text = (compared / "report.html").read_text()
    page = Page(text)
    assert len(text.encode()) < 500_000
    assert not page.of("script") and not page.of("link")
    addresses = [a.get("src") or a.get("href") or a.get("xlink:href") for _, a in page.tags]
    assert all(a.startswith(("#", "data:image/png;base64,")) for a in addresses if a)
    assert "url(http" not in text

    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    plots = [a for a in page.of("svg") if a.get("aria-hidden") != "true"]
    assert len(plots) == 2 + 2 + 2 + 1 + 1  # gains, means, peers, distances, bytes
    for plot in plots:
        assert plot["role"] == "img"
        assert set((plot["aria-labelledby"] or "").split()) <= set(ids)
    assert all(a["alt"] for a in page.of("img"))
    assert all(a["scope"] in ("row", "col") for a in page.of("th"))
    assert text.count("<table") == text.count("<caption>")
    regions = [a for a in page.of("div") if a.get("class") == "scroll"]
    assert regions and all(a["tabindex"] == "0" and a["aria-label"] for a in regions)


def test_the_report_shows_who_is_good_where_and_what_peers_disagree_on(compared: Path) -> None:
    text = (compared / "report.html").read_text()
    summary = json.loads((compared / "summary.json").read_bytes())
    for name, peer in summary["peers"].items():
        row = text[text.index("Who is good where</h2>") :]
        row = row[row.index(f'<th scope="row">{name}') :]
        shown = re.findall(r"<td[^>]*>([\d.]+)", row[: row.index("</tr>")])
        assert shown == [f"{100 * a:.1f}" for a in peer["domain_accuracies"].values()]
    assert text.count('alt="Picture of seed row') == 8
    assert "Scores on the test rows" in text and "fedh2l run --config" in text


def test_a_report_is_written_where_the_data_are_gone_or_others(tmp_path: Path) -> None:
    rows = [f"{site},{i % 2},{i % 2 + i / 100:.2f}" for i in range(40) for site in ("a", "b")]
    data = tmp_path / "rows.csv"
    data.write_text("\n".join(["domain,label,x", *rows]))
    out = tmp_path / "run"
    page = reported(out, "--data", str(data), "--peers", "logistic", "--no-baselines")
    assert "<dt>x</dt>" in page

    for change, says in (
        (lambda: data.write_text("\n".join(["domain,label,x", *rows[:-2]])), "not those that this"),
        (data.unlink, "The seed rows cannot be read again here"),
    ):
        change()
        data_of(compose({"data": "digits"}).resolved())  # takes the place of the rows in memory
        with pytest.raises(SystemExit):
            main(["report", str(out)])
        assert says in (out / "report.html").read_text()


def outcome(now: float, before: float, pooled: float) -> str:
    """The first sentences of a run with such accuracies on all domains."""
    baselines = {
        name: {"all_domain_accuracy": value, "own_accuracy": 0.9}
        for name, value in (("alone", 0.5), ("seed-only", before), ("pooled", pooled))
    }
    mean = {"all_domain_accuracy": now, "own_accuracy": 0.92}
    return " ".join(sentences({"algorithm": "fedh2l", "mean": mean, "baselines": baselines}))


def test_the_first_sentence_says_a_gain_a_loss_and_nothing() -> None:
    gain = outcome(0.8, 0.7, 0.9)
    assert gain.startswith("The exchange was worth 10.0 points: on all domains peers reach 80.0 %")
    assert "50 % of the way to pooling" in gain and "and alone 90.0 %" in gain
    loss = outcome(0.68, 0.7, 0.9)
    assert loss.startswith("The exchange cost 2.0 points") and "of the way" not in loss
    nothing = outcome(0.705, 0.7, 0.9)
    assert nothing.startswith("The exchange was worth nothing that one seed could show (+0.5")
    assert "of the way" not in nothing


def test_a_liar_is_named_and_left_out_of_the_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    page = reported(out, "--liars", "rot75", "--no-views", "--baselines")
    summary = json.loads((out / "summary.json").read_text())
    alone = summary["baselines"]["alone"]
    for peers, mean in ((summary["peers"], summary["mean"]), (alone["peers"], alone)):
        honest = [p["all_domain_accuracy"] for name, p in peers.items() if name != "rot75"]
        assert mean["all_domain_accuracy"] == pytest.approx(sum(honest))
    sentence = "flipped lies of rot75, who are left out of every mean"
    assert sentence in " ".join(capsys.readouterr().out.split())
    assert sentence.capitalize() in page
