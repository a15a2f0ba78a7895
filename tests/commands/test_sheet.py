"""The sheet of a data-protection officer says what is true of the folder, and nothing more."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from test_report import Page, reported

from fedh2l.cli import main
from fedh2l.commands.pages.sheet_words import differential_privacy, protection


def sheet_of(
    folder: Path, capsys: pytest.CaptureFixture[str], *flags: str
) -> tuple[dict[str, Any], str]:
    """The sheet as JSON and as a page."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["audit", str(folder), "--sheet", "--json", *flags])
    assert end.value.code == 0
    return json.loads(capsys.readouterr().out), (folder / "sheet.html").read_text()


@pytest.mark.parametrize(
    ("method", "says", "stays"),
    [
        ("fedh2l", "answers about the shared seed set, and no private row, weight or", "weights"),
        ("fd", "mean answers for each class, and no private row, weight or gradient", "weights"),
        (
            "fedh2l --codec hard",
            "which of 10 classes is the likeliest, and no probability",
            "weights",
        ),
        ("fedavg", "weights of the trained model, and no private row.", "private rows"),
        ("fedproto", "prototypes of the trained model, and no private row.", "weights"),
        ("alone", "Nothing was sent.", "weights"),
    ],
)
def test_the_sheet_says_what_left_and_what_stayed(
    method: str, says: str, stays: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reported(tmp_path / "r", "--no-baselines", "--algorithm", *method.split())
    facts, page = sheet_of(tmp_path / "r", capsys)
    assert says in page and "a simulated run keeps every site on one machine" in page
    assert stays in facts["sentences"]["stayed"]
    # No weights: true only where it is true.
    assert ("the weights of the model" in facts["sentences"]["stayed"]) == (method != "fedavg")
    assert ("Whoever has them has the model" in page) == (method == "fedavg")
    assert ("how many private rows each class has" in page) == (method == "fedproto")


def test_its_figures_are_those_of_the_index_and_its_hashes_those_of_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a <b> $run"
    reported(folder, "--unlabelled", "--no-baselines")
    facts, page = sheet_of(folder, capsys)
    lines = [json.loads(line) for line in (folder / "sent.jsonl").read_text().splitlines()]
    copies = sum(line["bytes"] * len(line["receivers"]) for line in lines)
    assert sum(group["in_copies"] for group in facts["sent"]) == copies
    assert [group["receivers"] for group in facts["sent"]] == [{"rot75": 2}, {"rot00": 2}]
    for name, digest in facts["hashes"].items():
        assert sha256((folder / name).read_bytes()).hexdigest() == digest and digest in page

    seeds = facts["seed_set"]
    assert seeds["labelled"] == 0 and sum(seeds["owners"].values()) == seeds["rows"]
    assert seeds["digest"] == lines[0]["seed_set"]
    assert f"{seeds['rows']} rows were shared among all members, 0 of them with" in page
    assert "a &lt;b&gt; $run" in page and "<b> $run" not in page
    tags = Page(page)
    assert not tags.of("script") and not tags.of("link")
    ids = [a["id"] for _, a in tags.tags if "id" in a]
    assert {a["href"] for a in tags.of("a")} <= {f"#{name}" for name in ids}


def test_a_sheet_may_be_of_one_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reported(tmp_path / "r", "--no-baselines")
    facts, _ = sheet_of(tmp_path / "r", capsys, "--peer", "rot75")
    assert [group["author"] for group in facts["sent"]] == facts["peers"] == ["rot75"]
    assert "What would have left rot75: " in (tmp_path / "r" / "sheet.html").read_text()


def test_a_changed_record_is_refused_and_data_that_are_gone_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "r"
    reported(folder, "--no-baselines")
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("seed_share = 0.1", "seed_share = 0.2"))
    facts, page = sheet_of(folder, capsys)
    assert facts["seed_set"]["rows"] is None and "The data are not as they were" in page

    bodies = bytearray((folder / "sent.bin").read_bytes())
    bodies[20] ^= 1
    (folder / "sent.bin").write_bytes(bytes(bodies))
    with pytest.raises(SystemExit) as end:
        main(["audit", str(folder), "--sheet"])
    assert end.value.code == 2 and "is not what was sent" in capsys.readouterr().err


def test_the_sheet_of_a_live_member_names_members_and_what_else_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cryptography", reason="needs the extra zenoh")
    from test_member_report import member_folder

    facts, page = sheet_of(member_folder(tmp_path), capsys)
    assert facts["kind"] == "live member" and facts["peers"] == ["a"]
    assert facts["members"][0]["address"] == "127.0.0.1:7447" and facts["federation"] in page
    assert "Other members also know name, address, public key" in page
    assert "Nothing was sent." in page  # its journal has no frames
    assert "keeps every site on one machine" not in page
    assert facts["hashes"].keys() >= {"invite.json", "rounds.jsonl"}
    # Nobody can repeat what a live member heard.
    with pytest.raises(SystemExit) as end:
        main(["audit", str(tmp_path / "a"), "--privacy"])
    assert end.value.code == 2 and "not what it heard" in capsys.readouterr().err


def test_the_sheet_tells_what_a_ledger_says() -> None:
    spent = {"epsilon": 1.994, "budget": 2.0, "delta": 1e-6, "steps": 40, "refused": 0}
    on, off = {"privacy": {"a": spent, "b": None}}, {"privacy": {"a": None}}
    words = " ".join(differential_privacy(on))
    assert "on at a: its ledger says that ε = 1.99 of 2 were spent at δ = 1e-06" in words
    assert "It was off at b." in words and protection(on) == ("ε = 1.99", "at 1 of 2")
    assert "was off" in differential_privacy(off)[0] and protection(off)[0] == "off"


def test_the_sheet_tells_what_an_audit_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedh2l.simulation.leak.surrogate.STEPS", 20)
    reported(tmp_path / "r", "--no-baselines")
    _, page = sheet_of(tmp_path / "r", capsys)
    assert "No audit was made here." in page
    with pytest.raises(SystemExit) as end:
        main(["audit", str(tmp_path / "r"), "--privacy", "--worlds", "6", "--peer", "rot75"])
    assert end.value.code == 0
    table = capsys.readouterr().out
    assert "guessing blindly" in table and "6 worlds in" in table and "ε ≥" in table
    _, page = sheet_of(tmp_path / "r", capsys)
    assert "rot75: an attacker who heard every round finds" in page and "6 repeated worlds" in page


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--worlds", "6"], "go with --privacy"),
        (["--privacy", "--worlds", "7"], "even number"),
        (["--privacy", "--sheet"], "one of them"),
    ],
)
def test_flags_that_mean_nothing_are_refused(
    words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["audit", str(tmp_path), *words])
    assert end.value.code == 2 and complaint in capsys.readouterr().err
