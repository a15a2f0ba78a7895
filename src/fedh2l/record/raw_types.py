"""Arrays for which safetensors has no type, tables and texts: written as bytes, with their type
beside them.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]
FIELD = re.compile(r"<f4|<U[1-9][0-9]{0,8}")  # of a column: a number, or text of a width


def packed(arrays: Arrays) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays that safetensors takes, and the types of those that became bytes, as JSON takes them.

    A table or texts of one axis become bytes (rows, size of a row).
    """
    tensors: dict[str, np.ndarray] = {}
    types: dict[str, Any] = {}
    for name, array in arrays.items():
        tensors[name] = np.asarray(array, order="C")
        if array.dtype.names or array.dtype.kind == "U":
            dtype = array.dtype.newbyteorder("<")
            types[name] = [list(field) for field in dtype.descr] if dtype.names else dtype.str
            raw = np.ascontiguousarray(array, dtype).view(np.uint8)
            tensors[name] = raw.reshape(len(array), dtype.itemsize)
    return tensors, types


def unpacked(tensors: Arrays, types: Any) -> dict[str, np.ndarray]:
    """The arrays that were packed. ValueError where a type is none of those, or the bytes are not
    as many as it says.
    """
    arrays = dict(tensors)
    for name, described in dict(types).items():
        dtype, raw = _dtype(described), arrays[name]
        if raw.dtype != np.uint8 or raw.ndim != 2 or raw.shape[1] != dtype.itemsize:
            raise ValueError(f"{name} is {raw.dtype} of {raw.shape}, not rows of {dtype.itemsize}")
        arrays[name] = raw.reshape(-1).view(dtype)
    return arrays


def _dtype(described: Any) -> np.dtype[Any]:
    """The type that was described, once it is known to be a table's or texts'."""
    if isinstance(described, str):
        return np.dtype(_field(described))
    fields = [(str(name), _field(of)) for name, of in described]
    return np.dtype(fields)


def _field(described: Any) -> str:
    if not isinstance(described, str) or not FIELD.fullmatch(described):
        raise ValueError(f"type {str(described)[:20]!r} is neither a number's nor text's")
    return described
