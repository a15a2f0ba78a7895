"""A sweep's cells.csv into benchmarks/results/, with where it is from: python tools/keep_results.py
NAME FOLDER
"""

import argparse
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from fedh2l.simulation.sweep.fingerprint import code_version
from fedh2l.simulation.sweep.tables import CELLS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def kept(name: str, folder: Path, commit: str, date: str) -> str:
    """The text of a committed result file: lines that begin with #, then cells.csv.

    commit: at which the cells were computed. A sweep with cells that are missing is refused.
    """
    about = json.loads((folder / "sweep.json").read_text())
    if about["finished"] < about["cells"]:
        raise SystemExit(f"{folder}: {about['finished']} of {about['cells']} cells are finished")
    origin = {
        "command": f"fedh2l sweep benchmarks/sweeps/{name}.toml",
        "commit": commit,
        "date": date,
        "code": about["code"],
        "versions": ", ".join(f"{n} {v}" for n, v in about["versions"].items()),
    }
    lines = [f"# {key}: {value}" for key, value in origin.items()]
    return "\n".join([*lines, (folder / CELLS).read_text()])


def _head(folder: Path) -> str:
    """The present commit, if the cells were computed with the code that is here."""
    about = json.loads((folder / "sweep.json").read_text())
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    if about["code"] != code_version():
        raise SystemExit(f"{folder}: computed with other code; sweep again, or say --commit")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the file in benchmarks/sweeps/, without .toml")
    parser.add_argument("folder", type=Path, help="of the sweep")
    parser.add_argument("--commit", help="at which it was computed; by default the present one")
    options = parser.parse_args()

    written = (options.folder / CELLS).stat().st_mtime
    date = f"{datetime.fromtimestamp(written, UTC):%Y-%m-%d}"
    text = kept(options.name, options.folder, options.commit or _head(options.folder), date)
    (RESULTS / f"{options.name}.csv").write_text(text)


if __name__ == "__main__":
    main()
