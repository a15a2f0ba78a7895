"""A small vision transformer of the library `transformers`, known by name."""

from dataclasses import replace
from typing import Any

import torch
from transformers import ViTConfig, ViTForImageClassification

from fedh2l.error import FedH2LError
from fedh2l.learners.model import Training
from fedh2l.learners.networks import trained
from fedh2l.learners.torch import TorchLearner
from fedh2l.rows import Rows


def learner(rows: Rows, classes: int, training: Training) -> TorchLearner:
    """Images in about 4 × 4 patches (Dosovitskiy et al., arXiv:2010.11929)."""
    if rows[0].ndim != 4:
        raise FedH2LError(
            "vit is a network for images (channels, height, width), and a row is of shape "
            f"{rows[0].shape[1:]}; use mlp, forest or lightgbm"
        )
    channels, height, width = rows[0].shape[1:]
    make_config: Any = ViTConfig  # its settings are of the library's base class, untyped
    config = make_config(
        image_size=(height, width),
        patch_size=(max(1, height // 4), max(1, width // 4)),
        num_channels=channels,
        num_labels=classes,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.start)
        model = ViTForImageClassification(config)
    # At the rate of a convolutional network attention does not learn.
    return trained(model, rows, replace(training, rate=training.rate / 3))
