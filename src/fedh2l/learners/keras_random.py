"""What a Keras learner draws, apart from what others in the same process draw."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from jaxtyping import Shaped

from fedh2l.learner import State


class Randomness:
    """The generators inside a model, begun from a seed; and, on PyTorch, whose dropout draws from
    the one of the whole process, a generator of the learner's own.
    """

    def __init__(self, model: Any, seed: int) -> None:
        states = [v for v in model.variables if v.path.endswith("seed_generator_state")]
        rng = np.random.default_rng(seed)
        for state in states:
            state.assign(rng.integers(0, 2**31, state.shape).astype(state.dtype))
        self.torch: Any = None
        if keras.config.backend() == "torch":
            from fedh2l.learners.torch_state import Randomness as OfTorch

            self.torch = OfTorch(seed)

    @contextmanager
    def __call__(self) -> Generator[None]:
        if self.torch is None:
            yield
            return
        with self.torch():
            yield

    def state_dict(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        """What does not stand among the model's variables."""
        return {} if self.torch is None else {"torch": self.torch.state.numpy().copy()}

    def load_state_dict(self, state: State) -> None:
        if self.torch is not None:
            import torch

            self.torch.state = torch.from_numpy(state["torch"].copy())
