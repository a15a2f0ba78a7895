"""`fedh2l doctor`: will joining work? And is my model a good learner?"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedh2l.commands.answer import DEFAULT_IDENTITY, Json, SeedSetFile
from fedh2l.error import FedH2LError
from fedh2l.finding import Finding, refusal
from fedh2l.learner import Learner
from fedh2l.seedset import SeedSet

STEPS = 1000  # of the run for which a model is built here: its learning rate hardly falls


def doctor(
    invite: Path | None = None,
    *,
    model: str | None = None,
    seed_set: SeedSetFile | None = None,
    data: str | None = None,
    domain: str | None = None,
    label: str | None = None,
    identity: Path = DEFAULT_IDENTITY,
    as_json: Json = False,
) -> None:
    """Will joining work, and is my model a good learner? Exits with 1 if not.

    Parameters
    ----------
    invite
        The invite with you in it.
    model
        FILE.py:FUNCTION, as for join and for run --peers; with --data also a model by its name.
    seed_set
        The seed set that you were sent; with an invite seeds.safetensors where nothing is said.
        Without it and --data some of the model's own rows stand in for one.
    data
        A data set, as for run, also a file of your own: the model gets the rows of its first
        domain.
    domain
        Of a file of your own: the column that says whose a row is.
    label
        Of a file of your own: the column of labels.
    identity
        The folder of your keys.
    as_json
        Answer in JSON.
    """
    if invite is not None:
        from fedh2l.live.doctor.examine import examine

        if data is not None:
            raise FedH2LError("--data is for a model without a federation; leave the invite out")
        seeds = seed_set or Path("seeds.safetensors")
        findings = list(examine(invite, identity, seeds, model))
    elif model is None:
        raise FedH2LError(
            "nothing to look at: give the invite to a federation, or a model: "
            "fedh2l doctor --model mine.py:model"
        )
    else:
        findings = list(_look_at(model, seed_set, data, {"domain": domain, "label": label}))
    _tell(findings, as_json=as_json)


def _look_at(
    model: str, seed_set: Path | None, data: str | None, columns: Mapping[str, str | None]
) -> Iterator[Finding]:
    """The model without a federation."""
    from fedh2l.learners.contract.examine import examine

    try:
        make, seeds, about = _made_with(model, seed_set, data, columns)
    except (FedH2LError, OSError) as error:
        yield refusal("seed set", error)
        return
    kind = "labelled" if seeds.labels is not None else "unlabelled"
    rows = f"{len(seeds)} {kind} rows of shape {seeds.x.shape[1:]}, {len(seeds.classes)} classes"
    yield Finding("seed set", True, f"{about}: {rows}")
    yield from examine(make, seeds)


def _made_with(
    model: str, seed_set: Path | None, data: str | None, columns: Mapping[str, str | None]
) -> tuple[Callable[[], Learner], SeedSet, str]:
    """What makes a fresh learner, the seed set, and where that comes from."""
    from fedh2l.data.seedset_file import load_seed_set
    from fedh2l.learners.contract.stand_in import seed_set_like
    from fedh2l.learners.own_file import own_learner

    if data is not None:
        if seed_set is not None:
            raise FedH2LError("--data brings a seed set of its own; leave --seed-set out")
        return _made_with_data(model, data, columns)
    if not model.rpartition(":")[0].endswith(".py"):
        raise FedH2LError(f"model {model} has no rows of its own; give --data, such as digits")
    if seed_set is not None:
        seeds, about = load_seed_set(seed_set), str(seed_set)
    else:
        seeds, about = seed_set_like(model), "none given, some of the model's own rows instead"
    return lambda: own_learner(model, seeds)[0], seeds, about


def _made_with_data(
    model: str, data: str, columns: Mapping[str, str | None]
) -> tuple[Callable[[], Learner], SeedSet, str]:
    from fedh2l.data import DATASETS, dataset_of
    from fedh2l.learners import model_of
    from fedh2l.learners.model import Training

    said = {name: column for name, column in columns.items() if column is not None}
    if data in DATASETS and said:
        raise FedH2LError(f"--{next(iter(said))} is for a file of your own, and {data} is none")
    named: Any = dataset_of(data)
    chosen = named() if data in DATASETS else named(data=data, **said)
    loaded = chosen.load(getattr(chosen, "held", None) or 2, seed=0)
    name, domain = next(iter(loaded.domains.items()))
    training = Training(
        steps=STEPS, batch=32, rate=3e-3, augment=None, seed=0, start=0, seed_set=loaded.seed_set
    )
    made = model_of(model)
    about = f"{data}, with the private rows of {name}"
    return lambda: made.build(domain.train, loaded.classes, training), loaded.seed_set, about


def _tell(findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([f._asdict() for f in findings], indent=1))
    else:
        for f in findings:
            print(
                f"{'ok  ' if f.ok else 'FAIL'} {f.what}: {f.found}"
                + (f"\n     do this: {f.fix}" if f.fix else "")
            )
    if not all(f.ok for f in findings):
        sys.exit(1)
