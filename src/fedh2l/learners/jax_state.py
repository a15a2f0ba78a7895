"""The trees of a JAX learner as arrays: nothing is ever pickled."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import State


def arrays_of(tree: Any) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The leaves of a tree by their places in it."""
    return {_name(place): _array(leaf) for place, leaf in jax.tree.leaves_with_path(tree)}


def tree_of(like: Any, arrays: State) -> Any:
    """A tree of these arrays in the places of a tree like it.

    Raises FedH2LError where it has other places.
    """
    places = jax.tree.leaves_with_path(like)
    names = [_name(place) for place, _ in places]
    shapes = [_array(leaf).shape for _, leaf in places]
    if {name: array.shape for name, array in arrays.items()} != dict(
        zip(names, shapes, strict=True)
    ):
        raise FedH2LError("the checkpoint is of another model or optimizer: it has other arrays")
    leaves = [_leaf(old, arrays[_name(place)]) for place, old in places]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _name(place: Any) -> str:
    return jax.tree_util.keystr(place, simple=True, separator=".") or "all"


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _array(leaf: Any) -> Shaped[np.ndarray, "..."]:
    """A copy; of a random key its words, of a type that numpy lacks, such as bfloat16, the bits."""
    array = np.array(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    return array.view(f"u{array.itemsize}") if array.dtype.kind == "V" else array


def _leaf(old: Any, array: Shaped[np.ndarray, "..."]) -> Any:
    """What `_array` was given, of the type that the leaf in its place has."""
    if _is_key(old):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(old))
    same = array.dtype == old.dtype
    return jnp.asarray(array if same else array.view(old.dtype))
