"""What a learner says: distributions over the agreed classes, of each row by itself; and whether
its private rows are like the seed rows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fedh2l.finding import Finding
from fedh2l.learner import Learner
from fedh2l.peer import Comparing
from fedh2l.seedset import SeedSet
from fedh2l.wire.codec import check_posteriors

ALIKE = 1e-4  # posteriors of one row said alone and among others may differ in rounding
REORDERED = 0.2  # share of the seed labels by which another order of the classes must be better


def look_at_rows(learner: Learner, seeds: SeedSet) -> Iterator[Finding]:
    """Scale, layout and labels of the private rows against those of the seed rows."""
    if not isinstance(learner, Comparing):
        found = f"not compared with the seed rows: a {type(learner).__name__} has no `compare`"
        yield Finding("private rows", True, found)
        return
    doubts = learner.compare(seeds)
    for doubt in doubts:
        found, _, fix = doubt.rpartition("; ")
        yield Finding("private rows", False, found or doubt, fix or "prepare both alike")
    if not doubts:
        yield Finding("private rows", True, "of the seed rows' shape and scale")


def look_at_posteriors(learner: Learner, seeds: SeedSet) -> Iterator[Finding]:
    """Before anything is learnt: a peer speaks before it is taught."""
    probs: Any = learner.posteriors(seeds.x)
    if not isinstance(probs, np.ndarray) or probs.dtype.kind != "f":
        kind = f"{type(probs).__name__} of {getattr(probs, 'dtype', 'no dtype')}"
        fix = "give a numpy array of floats: of a tensor .detach().cpu().numpy()"
        yield Finding("posteriors", False, f"they are a {kind}", fix)
        return
    check_posteriors(probs, (len(seeds), len(seeds.classes)), "the model")
    yield Finding("posteriors", True, f"distributions over {len(seeds.classes)} classes")


def look_at_asking(learner: Learner, seeds: SeedSet) -> Iterator[Finding]:
    """To be asked changes nothing, and each row is answered by itself; of a learner that has
    learnt, for one that knows nothing says the same of every row.
    """
    probs = learner.posteriors(seeds.x)
    before = arrays_of(learner)  # after the first time: some fit when they are asked
    again = learner.posteriors(seeds.x)
    changed = changed_entries(before, arrays_of(learner))
    if changed or np.abs(again - probs).max() > ALIKE:
        moved = f"its state changes ({changed[0]})" if changed else "the second time it says others"
        yield Finding(
            "asking twice",
            False,
            f"posteriors are to change nothing, and {moved}",
            "switch dropout and the statistics of BatchNorm off while it speaks: model.eval()",
        )
    else:
        yield Finding("asking twice", True, "the same posteriors, and the model as it was")

    alone = np.concatenate([learner.posteriors(seeds.x[i : i + 1]) for i in (0, len(seeds) - 1)])
    apart = float(np.abs(alone - again[[0, -1]]).max())
    if apart <= ALIKE:
        yield Finding("one row", True, "is answered as among others")
        return
    yield Finding(
        "one row",
        False,
        f"alone it is answered by {apart:.2g} otherwise than among others",
        "normalise by statistics of the private rows, and not of the rows that are asked: "
        "model.eval()",
    )


def look_at_order(probs: np.ndarray, seeds: SeedSet) -> Finding:
    """Whether some other order of the columns would fit the seed labels far better than the agreed
    one.
    """
    from scipy.optimize import linear_sum_assignment

    assert seeds.labels is not None
    labelled = seeds.labelled
    table = np.zeros((len(seeds.classes), len(seeds.classes)))
    np.add.at(table, (probs[labelled].argmax(1), seeds.labels[labelled]), 1)
    columns, classes = linear_sum_assignment(-table)
    now, best = np.trace(table) / table.sum(), table[columns, classes].sum() / table.sum()
    # A far domain, or a single private class, confuses classes too, but puts none in order.
    if best < now + REORDERED or best < 2 * now or best < 0.5:
        found = f"{100 * now:.0f} % of the seed labels after a little local learning"
        return Finding("label order", True, found)

    moved = [
        f"column {c} looks like {seeds.classes[k]!r}"
        for c, k in zip(columns, classes, strict=True)
        if c != k
    ]
    return Finding(
        "label order",
        False,
        f"{100 * now:.0f} % of the seed labels, reordered {100 * best:.0f} %: "
        f"{', '.join(moved[:3])}",
        f"number your labels from 0 in this order: {', '.join(seeds.classes[:12])}",
    )


def arrays_of(learner: Learner) -> dict[str, np.ndarray]:
    """A copy of the learner's state."""
    return {name: np.array(value) for name, value in learner.state_dict().items()}


def changed_entries(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> list[str]:
    """The names of the entries that are not what they were."""
    return [
        name
        for name in sorted({*before, *after})
        if not np.array_equal(before.get(name, np.zeros(0)), after.get(name, np.zeros(0)))
    ]
