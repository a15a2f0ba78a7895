"""Settings in a TOML file: of any editor, and flat."""

from pathlib import Path

import pytest

from fedh2l.error import FedH2LError
from fedh2l.simulation.config_file import read_config


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_of_another_editor_is_read(tmp_path: Path, encoding: str, line_end: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(f"# β{line_end}seed-share = 0.2{line_end}rounds = 3".encode(encoding))
    assert read_config(path) == {"seed_share": 0.2, "rounds": 3}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[run]\nrounds = 3\n", r"has a table \[run\], and settings are flat"),
        ("rounds = \n", "not a TOML file in UTF-8"),
        ("rounds = 3\nrounds = 4\n", "not a TOML file"),
    ],
)
def test_a_file_that_is_not_flat_settings_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(FedH2LError, match=complaint):
        read_config(path)
