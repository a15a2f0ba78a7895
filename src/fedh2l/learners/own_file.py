"""The user's own model: how it comes in, as a function in the user's own file, and how it is left
in the folder at the end.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def own_learner(where: str, seeds: SeedSet) -> tuple[Learner, Rows | None]:
    """What FILE.py:FUNCTION makes of the seed set: a Learner; and validation rows, if the file has
    a function `validation` too.
    """
    file, _, name = where.rpartition(":")
    if not file.endswith(".py") or not Path(file).is_file():
        raise FedH2LError(
            f"--model {where}: expected FILE.py:FUNCTION, where FUNCTION(seed_set) gives a Learner"
        )
    module = _module(Path(file))
    function: Callable[[SeedSet], Any] | None = getattr(module, name, None)
    if not callable(function):
        raise FedH2LError(
            f"{file}: no function {name!r} in it; --model {file}:FUNCTION names one that takes "
            "the seed set"
        )
    learner = function(seeds)
    if not isinstance(learner, Learner):
        raise FedH2LError(
            f"{where} gives a {type(learner).__name__}, not a Learner; wrap it in TorchLearner "
            "or SklearnLearner, "
            "or give it posteriors, learn, state_dict and load_state_dict"
        )
    validation: Callable[[], Rows] | None = getattr(module, "validation", None)
    return learner, validation() if callable(validation) else None


def _module(file: Path) -> Any:
    name = f"fedh2l_own_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent.resolve()))  # what it imports may lie beside it
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent.resolve()))
    return module
