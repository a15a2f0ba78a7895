"""An environment of its own for each rival, below build/rivals, over the torch of this one: so all
contestants compute with the same library.
"""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

BUILD = Path("build/rivals").absolute()
SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Contestant:
    name: str
    script: str
    kinds: tuple[str, ...]  # of work that it has a method for
    packages: tuple[str, ...] = ()  # from the registry, pinned
    options: tuple[str, ...] = ()  # of pip
    checkout: str | None = None  # the variable that names a folder with the rival's source
    commit: str = ""  # of the checkout that was measured

    @property
    def environment(self) -> Path:
        return BUILD / self.name.lower()

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python" if self.packages else Path(sys.executable)

    @property
    def is_here(self) -> bool:
        """Whether its source is at hand."""
        return self.checkout is None or self.checkout in os.environ


CONTESTANTS = (
    Contestant("raw", "raw.py", ("distillation", "tables", "averaging")),
    Contestant("ours", "ours.py", ("distillation", "tables", "averaging")),
    # The newest release that runs on Python 3.11, though it asks for 3.12.
    Contestant(
        "BlazeFL",
        "with_blazefl.py",
        ("distillation", "averaging"),
        packages=("blazefl==2.0.3", "tqdm==4.67.1"),
        options=("--no-deps", "--ignore-requires-python"),
    ),
    Contestant(
        "Flower",
        "with_flower.py",
        ("distillation", "averaging"),
        packages=("flwr[simulation]==1.42.0",),
    ),
    Contestant(
        "HtFLlib",
        "with_htfllib.py",
        ("tables",),
        packages=("h5py==3.15.1",),
        checkout="HTFLLIB",
        commit="e959261d90",
    ),
    Contestant(
        "PFLlib",
        "with_pfllib.py",
        ("averaging",),
        packages=("h5py==3.15.1",),
        checkout="PFLLIB",
        commit="d832e76f6a",
    ),
)


def make(contestant: Contestant) -> None:
    """Make the contestant's environment, if it needs one and it is not there yet."""
    done = contestant.environment / ".done"
    wanted = " ".join((*contestant.packages, *contestant.options))
    if not contestant.packages or (done.exists() and done.read_text() == wanted):
        return
    print(f"{contestant.environment}: {', '.join(contestant.packages)}", flush=True)
    venv.create(contestant.environment, clear=True, with_pip=False)

    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = contestant.environment / "lib" / version / "site-packages"
    below = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "below.pth").write_text("\n".join([str(SOURCE), *below]) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", contestant.python, "install", "--quiet"]
    subprocess.run([*pip, *contestant.options, *contestant.packages], check=True)
    done.write_text(wanted)
