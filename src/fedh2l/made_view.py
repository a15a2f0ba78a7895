"""One view of the seed rows: what a question asks, and what is known of each of its rows."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.registration import as_others_are
from fedh2l.rows import kind_of
from fedh2l.views import MIXTURES, VIEWS


class MadeView(NamedTuple):
    """Every example, then every mixture."""

    x: Shaped[np.ndarray, "asked ..."]
    labels: Float[np.ndarray, "asked classes"] | None
    # A mixture belongs to the owner of the row that parts of another were put into, and its partner
    # is the owner of the other; of an example the partner is the owner.
    owners: Shaped[np.ndarray, " asked"] | None
    partners: Shaped[np.ndarray, " asked"] | None
    share: Float[np.ndarray, " asked"]  # of the owner's part: 1 of examples


def made_view(
    x: Shaped[np.ndarray, "rows ..."],
    hot: Float[np.ndarray, "rows classes"] | None,
    owners: Shaped[np.ndarray, " rows"] | None,
    angles: Mapping[str, int],
    view: str,
    mixtures: bool,
    rng: Callable[[int], np.random.Generator],
) -> MadeView:
    """The rows as they are asked about; `hot`: their labels, one-hot, zeros where there is none;
    `angles`: of the owners whose images are turned against each other's; `rng`: the generator for
    a purpose, by its number.
    """
    if angles and owners is not None:
        degrees, owners = as_others_are(owners, angles, rng(3))
        x = VIEWS[view](x, rng(0), degrees)
    else:
        x = VIEWS[view](x, rng(0))
    whole = np.ones(len(x), np.float32)
    if not mixtures:
        return MadeView(x, hot, owners, owners, whole)

    mixed, other, share = MIXTURES[kind_of(x)](x, rng(2))
    partners = None
    if owners is not None:
        owners, partners = np.tile(owners, 2), np.concatenate([owners, owners[other]])
    return MadeView(
        np.concatenate([x, mixed]),
        None if hot is None else np.concatenate([hot, _blended(hot, hot[other], share)]),
        owners,
        partners,
        np.concatenate([whole, share]),
    )


def _blended(
    first: Float[np.ndarray, "n classes"],
    second: Float[np.ndarray, "n classes"],
    share: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n classes"]:
    """Labels of mixtures by area: half of a mixture says nothing of the other half."""
    known = np.logical_and(first.any(1), second.any(1))
    return np.where(known[:, None], share[:, None] * first + (1 - share[:, None]) * second, 0)
