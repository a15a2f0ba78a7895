"""A function in a file of the user's, named FILE.py:FUNCTION."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from fedh2l.error import FedH2LError


def is_own_code(name: str) -> bool:
    """Whether a name is FILE.py:FUNCTION."""
    return name.rpartition(":")[0].endswith(".py")


def own_module(file: Path) -> ModuleType:
    """The file, run as a module. What it imports may lie beside it."""
    name = f"fedh2l_own_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module

    folder = str(file.parent.resolve())
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def own_function(where: str, what: str, takes: str) -> Callable[..., Any]:
    """The function behind FILE.py:FUNCTION; what, takes: for refusals, such as "model" and "the
    seed set".
    """
    name, _, function = where.rpartition(":")
    file = Path(name)
    if not is_own_code(where) or not file.is_file():
        raise FedH2LError(
            f"{what} {where}: no such file; expected FILE.py:FUNCTION, where FUNCTION takes {takes}"
        )
    found: Callable[..., Any] | None = getattr(own_module(file), function, None)
    if not callable(found):
        raise FedH2LError(
            f"{file}: no function {function!r} in it; {file}:FUNCTION names one that takes {takes}"
        )
    return found
