"""The embeddings of a PyTorch model: what goes into its last linear layer, pooled to a width that
unlike networks can agree on.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d

from fedh2l.error import FedH2LError
from fedh2l.learners.features import Features
from fedh2l.learners.torch_inputs import Taken, tensors_of
from fedh2l.learners.torch_losses import Losses

ROWS = 500  # per forward pass


class Embedder:
    """See `Embeds`. A model's own parameters are left as they are."""

    def __init__(self, features: Features, place: Callable[[Taken], Taken], losses: Losses) -> None:
        self.features, self.place, self.losses = features, place, losses

    def of(self, x: Shaped[np.ndarray, "rows ..."], width: int) -> Float[np.ndarray, "rows width"]:
        """The embeddings of these rows, in evaluation mode."""
        x = self.features(x)
        logits = self.losses.logits
        logits.model.eval()
        parts: list[Tensor] = []
        with torch.no_grad(), watched(logits.model) as seen:
            for start in range(0, len(x), ROWS):
                logits(self.place(tensors_of(x[start : start + ROWS])))
                parts.append(pooled(seen.pop(), width).float().cpu())
        return torch.cat(parts).numpy()

    def pull(
        self,
        prototypes: Float[np.ndarray, "classes width"],
        known: Bool[np.ndarray, " classes"],
        weight: float,
    ) -> None:
        """From now on the private loss has weight·mean (e(x) − prototype of x's class)² in it."""
        if not known.any() or not weight:
            self.losses.pull = None
            return
        centres, mask = torch.from_numpy(prototypes), torch.from_numpy(known)

        @contextmanager
        def pull() -> Generator[Callable[[Tensor], Tensor]]:
            with watched(self.losses.logits.model) as seen:

                def loss(y: Tensor) -> Tensor:
                    embedded = pooled(seen.pop()[: len(y)], centres.shape[1])
                    which = mask.to(y.device)[y]
                    apart = embedded - centres.to(embedded.device, embedded.dtype)[y]
                    return weight * (apart**2).mean(1)[which].sum() / max(int(which.sum()), 1)

                yield loss

        self.losses.pull = pull


def pooled(embedded: Tensor, width: int) -> Tensor:
    """Means of neighbouring numbers, `width` of them for each row."""
    return adaptive_avg_pool1d(embedded.flatten(1).unsqueeze(1), width).squeeze(1)


@contextmanager
def watched(model: nn.Module) -> Generator[list[Tensor]]:
    """The inputs of the last linear layer, one for each forward pass while this lasts."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise FedH2LError(
            "the model has no linear layer, whose input would be its embedding; fedproto needs one"
        )
    seen: list[Tensor] = []
    handle = layers[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        yield seen
    finally:
        handle.remove()
