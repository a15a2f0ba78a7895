"""A hundred thousand bad frames: each is refused without a trace, or gives distributions, within
the session's size.
"""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hostile import Door

from fedh2l.wire import CODECS

EACH = 21_000  # of each of five codecs


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_mutated_frames_are_refused_without_a_trace_or_give_distributions(codec: str) -> None:
    program = Path(__file__).with_name("hostile.py")
    process = subprocess.run(
        [sys.executable, program, codec, str(EACH), str(len(codec))], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    assert result["frames"] == EACH
    # The liars' checks let some through to the codec, and most of these it refuses.
    assert 0 < result["believed"] < EACH / 2
    assert len(CODECS) * EACH >= 100_000


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_the_good_frame_is_believed_after_all_the_bad_ones(codec: str) -> None:
    door = Door(codec)
    for data in door.mutants(200, seed=1):
        door.knock(data)
    assert door.knock(door.good[2])


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_no_frame_makes_a_receiver_allocate_beyond_the_size_of_the_session(codec: str) -> None:
    door = Door(codec, (200, 10))
    mutants = [*door.mutants(150, seed=3), door.good[2] + bytes(50_000_000), door.good[2]]
    door.knock(door.good[2])
    tracemalloc.start()
    try:
        for data in mutants:
            door.knock(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Bytes: the models' tables, and a few dozen numbers for each of the rows' classes.
    assert peak < 400_000 + 40 * 8 * 200 * 10
