"""From a learner to bytes in a format, which say the same as the learner or are refused."""

import os
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from safetensors.numpy import save

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.learners.export import KINDS
from fedh2l.record.atomic import write_file
from fedh2l.seedset import SeedSet

TOLERANCE = 1e-5  # by which a posterior of the file may differ from the model's


class Format(NamedTuple):
    """One way to keep a model.

    write: from the learner and its features of some rows, an example of what the model takes.
    read: posteriors of the rows, from the bytes; the learner says what is not in them.
    columns: the classes that the columns of the file's own answers stand for; None: all.
    """

    suffix: str
    write: Callable[[Any, np.ndarray], bytes]
    read: Callable[[bytes, Any, np.ndarray], np.ndarray]
    columns: Callable[[Any], list[int] | None] = lambda learner: None


class Exported(NamedTuple):
    """A file's bytes, and what a reader of it must know."""

    data: bytes
    suffix: str
    shape: tuple[int, ...]  # of a row that the file's model takes
    columns: list[int]  # the class of each column of its answers
    apart: float  # largest difference of a posterior from the learner's, on the seed rows


def export(learner: Learner, seeds: SeedSet, to: str) -> Exported:
    """The learner's model in a format; compared on the seed rows.

    Raises FedH2LError where this kind of model does not go into the format, or would say something
    else there.
    """
    formats, name = formats_of(learner), type(learner).__name__
    if to not in formats:
        ways = f"it goes to {', '.join(formats)}" if formats else "nobody knows its framework"
        raise FedH2LError(f"a {name} cannot be exported to {to}; {ways}")
    left = ", ".join(other for other in formats if other != to) or "none"

    x = features_of(learner, seeds.x)
    expected = learner.posteriors(seeds.x)  # a refitted model is fitted now
    try:
        data, answers = _converted(formats[to], learner, x)
    except ValueError as error:
        raise FedH2LError(
            f"this {name} cannot be exported to {to}: {error}; formats left: {left}"
        ) from error
    apart = float(np.abs(answers - expected).max())
    if not apart <= TOLERANCE:
        raise FedH2LError(
            f"the {to} of this {name} says up to {apart:.1g} else than the model, on {len(x)} seed "
            f"rows; nothing was written; formats left: {left}"
        )
    columns = formats[to].columns(learner) or list(range(len(seeds.classes)))
    return Exported(data, formats[to].suffix, x.shape[1:], columns, apart)


def _converted(
    way: Format, learner: Learner, x: Shaped[np.ndarray, "rows ..."]
) -> tuple[bytes, Float[np.ndarray, "rows classes"]]:
    """The bytes, and what a reader of them says.

    Raises ValueError with the converter's own reason in one line.
    """
    # From 1.32 on onnxruntime tells its maker of its use, from its import on.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converters' own, about themselves
            data = way.write(learner, x)
            return data, way.read(data, learner, x)
    except (FedH2LError, ModuleNotFoundError):
        raise
    except Exception as error:  # converters raise kinds of their own
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def save_model(learner: Learner, seeds: SeedSet, folder: Path) -> Path:
    """The trained model as model.SUFFIX: in the first of its kind's formats that goes, and
    otherwise the learner's whole state.
    """
    for to in formats_of(learner):
        try:
            exported = export(learner, seeds, to)
        except (FedH2LError, ImportError):
            continue
        path = folder / f"model{exported.suffix}"
        write_file(path, exported.data)
        return path
    state = {k: np.array(v, order="C") for k, v in learner.state_dict().items()}
    write_file(folder / "model.safetensors", save(state))
    return folder / "model.safetensors"


def formats_of(learner: Learner) -> Mapping[str, Format]:
    """The formats of this kind of learner by name; none of a learner of the user's own."""
    for kind in type(learner).__mro__:
        module = KINDS.get(f"{kind.__module__}:{kind.__qualname__}")
        if module is not None:
            formats: Mapping[str, Format] = import_module(module).FORMATS
            return formats
    return {}


def features_of(learner: Any, x: Shaped[np.ndarray, "rows ..."]) -> Shaped[np.ndarray, "rows ..."]:
    """What the learner's model takes: the rows, or the learner's own features of them."""
    features = getattr(learner, "features", None)
    return x if features is None else features(x)


def answers_of_onnx(
    data: bytes, x: Shaped[np.ndarray, "rows ..."], output: str | None
) -> Float[np.ndarray, "rows _"]:
    """One output of an ONNX model for these rows, by onnxruntime; None: the first."""
    from onnxruntime import InferenceSession

    session = InferenceSession(data, providers=["CPUExecutionProvider"])
    name = session.get_outputs()[0].name if output is None else output
    answers: Any = session.run([name], {session.get_inputs()[0].name: x})[0]
    return answers


def table_of(x: Shaped[np.ndarray, "rows ..."]) -> Shaped[np.ndarray, "rows features"]:
    """Rows as trees take them."""
    return x.reshape(len(x), -1)
