"""Six unlike small classifiers, a function each: shape of a row and number of classes -> torch
module. Four are for images.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.optim import SGD

from fedh2l.error import FedH2LError
from fedh2l.learners.features import Featurise
from fedh2l.learners.model import Training
from fedh2l.learners.privacy import LONGEST, MOMENTUM
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_adam import Adam
from fedh2l.rows import Rows

Shape = tuple[int, ...]  # channels, height, width
FLAT = ("mlp", "deep-mlp")  # these take rows of any shape


def mlp(shape: Shape, classes: int) -> nn.Module:
    """One hidden layer."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(math.prod(shape), 256), nn.ReLU(), nn.Linear(256, classes)
    )


def deep_mlp(shape: Shape, classes: int) -> nn.Module:
    """Three hidden layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), 200),
        nn.ReLU(),
        nn.Linear(200, 150),
        nn.ReLU(),
        nn.Linear(150, 100),
        nn.ReLU(),
        nn.Linear(100, classes),
    )


def lenet(shape: Shape, classes: int) -> nn.Module:
    """LeNet-5 (LeCun et al., 1998) with max pooling and ReLU; 3×3 kernels for images below 20
    pixels.
    """
    kernel, padding = (5, 0) if min(shape[1:]) >= 20 else (3, 1)
    body = [
        nn.Conv2d(shape[0], 6, kernel, padding=padding),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(6, 16, kernel, padding=padding),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
    ]
    return _headed(body, shape, [120, 84], classes)


def wide_cnn(shape: Shape, classes: int) -> nn.Module:
    """Two convolutions of 64 channels."""
    first = (
        nn.Conv2d(shape[0], 64, 7, stride=3, padding=2)
        if min(shape[1:]) >= 20
        else nn.Conv2d(shape[0], 64, 3, padding=1)
    )
    return _headed(
        [first, nn.ReLU(), nn.Conv2d(64, 64, 3, stride=2), nn.ReLU(), nn.Flatten()],
        shape,
        [],
        classes,
    )


def batchnorm_cnn(shape: Shape, classes: int) -> nn.Module:
    """Two strided convolutions, each with BatchNorm."""
    body = [
        nn.Conv2d(shape[0], 12, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Flatten(),
    ]
    return _headed(body, shape, [64], classes)


def resnet(shape: Shape, classes: int) -> nn.Module:
    """A strided stem and two residual blocks (He et al., arXiv:1512.03385)."""
    stride = 2 if min(shape[1:]) >= 20 else 1
    body = [
        nn.Conv2d(shape[0], 8, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        Residual(8, 16),
        Residual(16, 32),
        nn.Flatten(),
    ]
    return _headed(body, shape, [], classes)


class Residual(nn.Module):
    """Two 3×3 convolutions and a shortcut; halves the side."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out)
        )
        self.second = nn.Sequential(
            nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        )
        self.shortcut = nn.Conv2d(channels, out, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.second(relu(self.first(x))) + self.shortcut(x))


NETWORKS: dict[str, Callable[[Shape, int], nn.Module]] = {
    "mlp": mlp,
    "lenet": lenet,
    "wide-cnn": wide_cnn,
    "resnet": resnet,
    "batchnorm-cnn": batchnorm_cnn,
    "deep-mlp": deep_mlp,
}


def learner(rows: Rows, classes: int, training: Training, *, network: str) -> TorchLearner:
    """A learner of this network for rows of their shape."""
    featurise = training.features_of(rows)
    shape = rows[0].shape[1:] if featurise is None else featurise(rows[0][:1]).shape[1:]
    if len(shape) != 3 and network not in FLAT:
        raise FedH2LError(
            f"{network} is a network for images (channels, height, width), and a row is of shape "
            f"{shape}; use {' or '.join(FLAT)}, forest or logistic"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.start)
        model = NETWORKS[network](shape, classes)
    if training.private:
        from fedh2l.learners.torch_per_row import without_batch_statistics

        model = without_batch_statistics(model)
    return trained(model, rows, training, featurise)


def trained(
    model: nn.Module, rows: Rows, training: Training, featurise: Featurise | None = None
) -> TorchLearner:
    """A learner of this network, trained by Adam, or with a privacy budget by SGD, along a cosine
    of learning rates.
    """
    if training.private:
        optimizer = SGD(model.parameters(), training.rate, momentum=MOMENTUM)
    else:
        # foreach: the same bits as a tensor at a time, sooner.
        optimizer = Adam(model.parameters(), training.rate, foreach=True)
    return TorchLearner(
        model,
        optimizer,
        rows,
        batch=training.batch,
        augment=training.augment,
        schedule=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, training.steps),
        device=training.device,
        # Opacus measures gradients of convolutions wrongly in that layout.
        channels_last=rows[0].ndim == 4 and not training.private,
        clip=LONGEST if training.private else None,
        featurise=featurise,
        seed=training.seed,
    )


def _headed(body: Sequence[nn.Module], shape: Shape, hidden: list[int], classes: int) -> nn.Module:
    """A convolutional body and fully connected layers of these widths on what comes out of it."""
    with torch.no_grad():
        width = nn.Sequential(*body).eval()(torch.zeros(1, *shape)).shape[1]
    layers: list[nn.Module] = []
    for out in hidden:
        layers += [nn.Linear(width, out), nn.ReLU()]
        width = out
    return nn.Sequential(*body, *layers, nn.Linear(width, classes)).train()
