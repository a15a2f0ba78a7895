"""`fedh2l new`: a first file of your own, with data, a model and a test."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from fedh2l.commands.answer import Json, hint, tell
from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file

# Of each kind the module that its model imports; the kind is also the extra that installs it.
MODULES = {
    "torch": "torch",
    "sklearn": "sklearn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "jax": "jax",
    "keras": "keras",
    "huggingface": "transformers",
}


def new(
    folder: Path,
    *,
    kind: Literal["torch", "sklearn", "lightgbm", "xgboost", "jax", "keras", "huggingface"],
    overwrite: bool = False,
    as_json: Json = False,
) -> None:
    """Write a small working model of your own, with data and a test, to go on from.

    Parameters
    ----------
    folder
        Where to write model.py and test_model.py; made where it is not there.
    kind
        The framework.
    overwrite
        Replace these two files where they are there already.
    as_json
        Answer in JSON.
    """
    sources = {"model.py": f"{kind}.py", "test_model.py": "test_model.py"}
    for name in sources:
        if (folder / name).exists() and not overwrite:
            raise FedH2LError(f"{folder / name} exists; name another folder, or give --overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        write_file(folder / name, files("fedh2l.templates").joinpath(source).read_bytes())

    model = f"{folder / 'model.py'}:model"
    needs = None if find_spec(MODULES[kind]) else f"pip install 'fedh2l[{kind}]'"
    next_commands = [
        f"fedh2l doctor --model {model}",
        f"pytest {folder}",
        f"fedh2l run --data digits --peers mlp --peers {model} --rounds 5",
        f"fedh2l join invite.json --model {model}",
    ]
    written = [str(folder / name) for name in sources]
    tell({"written": written, "needs": needs or "nothing more", "next": next_commands}, as_json)
    hint(
        "Put your own rows and your own model into model.py; doctor says what it is to keep.",
        as_json,
    )
