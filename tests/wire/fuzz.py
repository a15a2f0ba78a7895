"""`make fuzz`: a million bad frames: mutants of every codec, what hypothesis invents, and atheris,
which looks for new paths in the code.

The share that atheris takes is skipped, with a line that says so, where it is not installed.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hostile import Door

from fedh2l.wire import CODECS

HERE = Path(__file__).parent
# Frames; of the last two for each of the delta codecs.
MUTANTS, PARTS, INVENTED, EXPLORED = 900_000, 10, 20_000, 100_000
SLOWEST = 50.0  # CPU milliseconds that a frame may take


def invented(codec: str) -> None:
    from hypothesis import given, settings
    from hypothesis import strategies as st  # here: the other jobs start without it

    door = Door(codec)

    @settings(max_examples=INVENTED, deadline=None, database=None)
    @given(st.sampled_from(door.good), st.binary(max_size=400), st.integers(0, 400), st.booleans())
    def knocks(good: bytes, piece: bytes, at: int, honest: bool) -> None:
        data = good[:at] + piece + good[at + len(piece) :]
        door.knock(data if honest else door.signed(data))

    knocks()
    print(json.dumps({"codec": codec, "frames": INVENTED, "by": "hypothesis"}))


def explored(codec: str) -> None:
    import atheris  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    door = Door(codec)

    def knocks(data: bytes) -> None:
        door.knock(door.signed(door.good[2][:16] + data))

    atheris.instrument_all()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    atheris.Setup(
        ["fuzz", f"-runs={EXPLORED}", "-max_len=400", "-timeout=5", "-verbosity=0"], knocks
    )
    atheris.Fuzz()


def one(words: Sequence[str]) -> str:
    process = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(
            f"{' '.join(words)}: exit code {process.returncode}\n{process.stderr[-3000:]}"
        )
    return process.stdout.strip()


def main() -> None:
    count = MUTANTS // (PARTS * len(CODECS))
    jobs = [
        [str(HERE / "hostile.py"), codec, str(count), str(100 + part)]
        for part in range(PARTS)
        for codec in sorted(CODECS)
    ]
    jobs += [[__file__, "invented", codec] for codec in ("adaptive", "lattice")]
    try:
        import atheris  # type: ignore[import-not-found]  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]
    except ImportError:
        print("atheris is not installed: its share is left out (pip install atheris)")
    else:
        jobs += [[__file__, "explored", codec] for codec in ("adaptive", "lattice")]
    with ThreadPoolExecutor(2) as pool:
        results = [
            json.loads(line)
            for out in pool.map(one, jobs)
            for line in out.splitlines()
            if line.startswith("{")
        ]
    slowest = max(f.get("slowest_cpu_ms", 0.0) for f in results)
    frames = sum(f["frames"] for f in results) + EXPLORED * sum("explored" in job for job in jobs)
    print(
        f"{frames} frames, no crash, no trace of a refused one; "
        f"the slowest took {slowest} ms of CPU"
    )
    if slowest > SLOWEST:
        raise SystemExit(f"a frame took {slowest} ms, and may take {SLOWEST}")


if __name__ == "__main__":
    {"invented": invented, "explored": explored}[sys.argv[1]](sys.argv[2]) if len(
        sys.argv
    ) > 1 else main()
