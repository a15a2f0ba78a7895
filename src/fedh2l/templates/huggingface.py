"""A model of Hugging Face transformers for FedH2L: put your own rows and your own model in place of
these.
"""

import numpy as np
import torch
from transformers import ViTConfig, ViTForImageClassification

from fedh2l.learners.model import Training
from fedh2l.learners.torch import TorchLearner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def private_rows(seed: int = 0) -> Rows:
    """Your rows: images (channels, height, width) from 0 to 1, and for each the index of its class
    in seed_set.classes.
    """
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 3
    x = rng.random((300, 1, 8, 8), np.float32) / 2
    for row, label in enumerate(y):
        x[row, 0, :, 3 * label : 3 * label + 2] += 0.5
    return x, y


def model(
    seed_set: SeedSet, rows: Rows | None = None, training: Training | None = None
) -> TorchLearner:
    """A simulation deals out rows and says how to train; a live member brings its own."""
    x, y = private_rows() if rows is None else rows
    torch.manual_seed(0 if training is None else training.start)
    # Pretrained: ViTForImageClassification.from_pretrained(…, num_labels=len(seed_set.classes))
    config = ViTConfig(
        num_channels=x.shape[1],
        image_size=x.shape[2],
        patch_size=2,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    config.num_labels = len(seed_set.classes)
    network = ViTForImageClassification(config)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    return TorchLearner(network, optimizer, (x, y), seed=0 if training is None else training.seed)


def validation() -> Rows:
    """Rows of yours that the model does not learn from; `fedh2l join` shows your accuracy on them,
    to nobody but you.
    """
    return private_rows(seed=1)
