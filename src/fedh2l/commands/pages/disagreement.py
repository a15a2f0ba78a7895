"""The seed rows on which peers disagree most, as people can look at them: pictures, texts, rows of
a table.
"""

import base64
import io
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.question import Question
from fedh2l.record.answers import Answers
from fedh2l.rows import kind_of
from fedh2l.seedset import SeedSet
from fedh2l.simulation.build import data_of
from fedh2l.simulation.run_folder import open_again
from fedh2l.tables import names_of

ROWS, ANSWERS = 8, 8  # shown rows; peers named beneath each
COLUMNS, CHARACTERS, SIDE = 14, 280, 96  # of a row: columns, characters, pixels along a side


def disagreement(folder: Path, answers: Answers, digest: str) -> dict[str, Any] | None:
    """The rows with the answers of each peer; or the reason why they cannot be shown, in a
    sentence. None where no two peers spoke, or not about seed rows.

    digest: of the seed set that the run began with.
    """
    if len(answers.probs) < 2:
        return None
    try:
        experiment = open_again(folder).experiment
        seeds = data_of(experiment).seed_set
        if experiment.unlabelled:
            seeds = seeds.unlabelled()
    except (FedH2LError, OSError, ImportError) as error:
        return {"reason": f"The seed rows cannot be read again here: {error}."}
    if seeds.digest != digest:
        return {"reason": "The data are not those that this run began with, so no row is shown."}
    asked = _asked(seeds, answers, experiment.algorithm)
    if asked is None:
        return None
    shown = _rows(seeds, answers, *asked)
    return {
        "round": answers.round,
        "shown": shown,
        "has_labels": any(row["label"] for row in shown),
        "are_small": not any(row.get("text") or row.get("columns") for row in shown),
    }


def _asked(seeds: SeedSet, answers: Answers, method: Any) -> tuple[Question, np.ndarray] | None:
    """What the answers are about, and the number of the seed row of each; None where they are not
    about seed rows, but such as one posterior for each class.
    """
    counts = {len(probs) for probs in answers.probs.values()}
    count = counts.pop()
    # As many answers as classes may be one for each class, whatever else they might be.
    if counts or count == len(seeds.classes):
        return None
    if count == seeds.asked:
        return seeds.question(answers.round), np.arange(count)
    if getattr(method, "exchange", "set") == "batch" and count == method.seed_batch:
        return seeds.question(answers.round, count), seeds.batch(answers.round, count)
    return None


def _rows(
    seeds: SeedSet, answers: Answers, question: Question, numbers: Int[np.ndarray, " rows"]
) -> list[dict[str, Any]]:
    names = sorted(answers.probs)
    probs = np.stack([answers.probs[name] for name in names])

    # The mean over the peers of the total variation between their posterior and the mean of all.
    distance = np.abs(probs - probs.mean(0)).sum(2).mean(0) / 2
    distance = np.where(question.mixture, -1, distance)  # nobody can look at a mixture
    shown: list[dict[str, Any]] = []
    for i in np.argsort(-distance, kind="stable")[:ROWS]:
        if distance[i] < 0:
            break
        number = int(numbers[i])
        label = None
        if seeds.labels is not None and seeds.labelled[number]:
            label = seeds.classes[int(seeds.labels[number])]
        shown.append(
            {
                "number": number,
                "label": label,
                "apart": f"{100 * distance[i]:.0f}",
                "answers": _answers(names, probs[:, i], seeds.classes),
                **_looks(question.x[i : i + 1]),
            }
        )
    return shown


def _answers(
    names: list[str], probs: Float[np.ndarray, "peers classes"], classes: tuple[str, ...]
) -> list[tuple[str, str, str]]:
    """What each peer says, and with how much certainty in %."""
    best = probs.argmax(1)
    return [
        (name, classes[c], f"{100 * probs[i, c]:.0f}")
        for i, (name, c) in enumerate(zip(names[:ANSWERS], best, strict=False))
    ]


def _looks(row: Shaped[np.ndarray, "1 ..."]) -> dict[str, Any]:
    """One row as a person can look at it; nothing where it is a list of nameless numbers."""
    kind = kind_of(row)
    if kind == "images" and row.shape[1] in (1, 3):
        return {"picture": _picture(row[0])}
    if kind == "text":
        text = str(row[0])
        return {"text": text if len(text) <= CHARACTERS else text[:CHARACTERS] + " …"}
    if kind == "table":
        names = names_of(row)
        columns = {name: _value(row[name][0]) for name in names[:COLUMNS]}
        if len(names) > COLUMNS:
            columns["…"] = f"{len(names) - COLUMNS} more columns"
        return {"columns": columns}
    return {}


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value or "missing"
    return "missing" if np.isnan(value) else f"{value:.4g}"


def _picture(image: Shaped[np.ndarray, "channels height width"]) -> str:
    """A PNG as a data URI; values outside [0, 1] are scaled into it."""
    step = max(1, max(image.shape[1:]) // SIDE)
    pixels = np.moveaxis(image[:, ::step, ::step].astype(np.float64), 0, -1)
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        pixels = (pixels - low) / (high - low)
    out = io.BytesIO()
    pixels = pixels.repeat(3, -1) if pixels.shape[-1] == 1 else pixels
    matplotlib.image.imsave(out, pixels, format="png")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
