"""What happened and what to do about it, in one line: errors that are no fault of the program."""

import errno

# The extra that installs a module.
EXTRAS = {
    "torch": "torch",
    "sklearn": "sklearn",
    "zenoh": "zenoh",
    "cryptography": "zenoh",
    "pooch": "data",
    "pyarrow": "tables",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "jax": "jax",
    "flax": "jax",
    "optax": "jax",
    "keras": "keras",
    "transformers": "huggingface",
    "skops": "skops",
    "opacus": "privacy",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "skl2onnx": "onnx",
    "onnxmltools": "onnx",
}

FIXES = {
    errno.ENOSPC: "free some space, then go on with the same command or --resume",
    errno.EDQUOT: "free some space, then go on with the same command or --resume",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "choose a folder that is yours, or ask for the permission",
    errno.EPERM: "choose a folder that is yours, or ask for the permission",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a part of this path is a file; choose another path",
    errno.EISDIR: "this is a folder; name a file",
    errno.EEXIST: "this is there already; choose another path",
}


def reason_of(error: BaseException) -> str | None:
    """What happened, and what to do; None where the fault is this program's."""
    if isinstance(error, OSError):
        return _reason_of_system(error)
    if isinstance(error, MemoryError):
        return "out of memory; ask for less: fewer --workers, peers or rows"
    if isinstance(error, ImportError) and isinstance(error.__cause__, ModuleNotFoundError):
        # cyclopts itself says only which command it could not import.
        return reason_of(error.__cause__)
    if isinstance(error, ModuleNotFoundError):
        extra = EXTRAS.get(str(error.name).partition(".")[0])
        install = f"pip install 'fedh2l[{extra}]'"
        return extra and f"this needs {error.name}, which is not installed: {install}"
    return None if isinstance(error, ImportError) else str(error)


def _reason_of_system(error: OSError) -> str:
    """Which file, what happened to it, and what to do."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"{error.filename}: no such file"
    what = (error.strerror or str(error)).lower()
    where = "" if error.filename is None else f"{error.filename}: "
    fix = FIXES.get(error.errno or 0)
    return f"{where}{what}; {fix}" if fix else f"{where}{what}"
