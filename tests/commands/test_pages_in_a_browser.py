"""The pages in a real browser, by axe-core's rules for people with disabilities: wide and narrow,
by day and by night.
"""

import json
import re
import shutil
import subprocess
from html import unescape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from test_member_report import member_folder
from test_sweep_report import CLEAR, OVERLAPPING

from fedh2l.cli import main
from fedh2l.simulation.sweep.tables import write_tables

pytestmark = pytest.mark.slow
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
WIDTHS = (1200, 390)  # pixels: a screen, a phone
# What a page in a frame tells the page around it once it is drawn.
LOOK = """
addEventListener('load', async () => {
  const drawn = [...document.querySelectorAll('body *')].filter(
    e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && e.getClientRects().length
      && !['SCRIPT', 'STYLE', 'title', 'desc'].includes(e.tagName) && !e.closest('.hidden'));
  const pixels = e => {
    const svg = e.closest('svg'), size = parseFloat(getComputedStyle(e).fontSize);
    return svg ? size * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : size;
  };
  const found = await axe.run();
  parent.postMessage({
    violations: found.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))]),
    passes: found.passes.length,
    width: innerWidth,
    wider: document.documentElement.scrollWidth - innerWidth,
    dark: matchMedia('(prefers-color-scheme: dark)').matches,
    text: Math.min(...drawn.map(pixels)),
  }, '*');
});
"""
# The page around the frames: what they tell is its title, as JSON.
AROUND = """<!doctype html><title>waiting</title><script>
const looks = [];
addEventListener('message', e => {
  if (e.data.violations) looks.push(e.data);
  if (looks.length == COUNT) document.title = JSON.stringify(looks);
});
</script>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    run = ["--rounds", "2", "--steps", "2", "--peers", "mlp", "--domains", "3", "--baselines"]
    _call("run", "--workers", "1", "--out", str(folder / "run"), *run)
    (folder / "sweep").mkdir()
    write_tables(folder / "sweep", [*CLEAR, *OVERLAPPING])
    _call("report", str(folder / "sweep"))
    member = member_folder(folder / "member")
    _call("report", str(member))
    _call("audit", str(folder / "run"), "--sheet")
    _call("audit", str(member), "--sheet")
    folders = {"run": folder / "run", "sweep": folder / "sweep", "member": member}
    found = {kind: place / "report.html" for kind, place in folders.items()}
    return found | {
        "sheet of a run": folder / "run" / "sheet.html",
        "sheet of a member": member / "sheet.html",
    }


def _call(*words: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert end.value.code == 0


def looks_of(page: Path, *, dark: bool, folder: Path) -> dict[int, dict[str, Any]]:
    """What a page tells of itself in Chromium, by its width."""
    assert BROWSER is not None
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    scripts = f"<script>{axe}</script><script>{LOOK}</script></body>"
    (folder / "page.html").write_text(page.read_text("utf-8").replace("</body>", scripts), "utf-8")
    frames = [f'<iframe src="page.html" width="{w}" height="900"></iframe>' for w in WIDTHS]
    around = folder / "around.html"
    around.write_text(AROUND.replace("COUNT", str(len(WIDTHS))) + "".join(frames), "utf-8")
    line = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'browser'}",
        "--window-size=1700,900",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--virtual-time-budget=60000",
        "--dump-dom",
        around.as_uri(),
    ]
    out = subprocess.run(line, capture_output=True, text=True, timeout=300, check=True).stdout
    title = re.search(r"<title>(\[.*?\])</title>", out, re.DOTALL)
    assert title, out[:2000]
    return {look["width"]: look for look in json.loads(unescape(title[1]))}


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.skipif(find_spec("axe_core_python") is None, reason="needs axe-core-python")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind", ["run", "sweep", "member", "sheet of a run", "sheet of a member"])
def test_a_page_breaks_no_rule_of_axe_and_fits_a_phone(
    kind: str, dark: bool, pages: dict[str, Path], tmp_path: Path
) -> None:
    looks = looks_of(pages[kind], dark=dark, folder=tmp_path)
    assert set(looks) == set(WIDTHS)
    for look in looks.values():
        assert look["violations"] == [] and look["passes"] > 20
        assert look["dark"] == dark
        assert look["wider"] <= 0 and look["text"] >= 11  # pixels
