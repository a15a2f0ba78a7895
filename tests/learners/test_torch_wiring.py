"""Optimizers and schedules that fit a model, and those that do not."""

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from conftest import blobs, mlp
from fedh2l.error import FedH2LError
from fedh2l.learners.torch import TorchLearner

X, Y = blobs(60)


def test_rates_that_are_tensors_and_schedules_by_milestones_survive_a_restart() -> None:
    def fresh() -> TorchLearner:
        model = mlp()
        adam = torch.optim.Adam(model.parameters(), torch.tensor(1e-2), foreach=False)
        schedule = lr_scheduler.MultiStepLR(adam, [4], gamma=0.1)
        return TorchLearner(model, adam, (X, Y), schedule=schedule)

    one, other = fresh(), fresh()
    one.learn(None, 2)
    other.load_state_dict(one.state_dict())
    for each in (one, other):
        each.learn(None, 4)
        assert float(each.optimizer.param_groups[0]["lr"]) == pytest.approx(1e-3)
    np.testing.assert_array_equal(one.posteriors(X), other.posteriors(X))


def test_parts_of_another_model_are_refused() -> None:
    model, other = mlp(), mlp(seed=1)
    adam, foreign = (torch.optim.Adam(m.parameters()) for m in (model, other))
    with pytest.raises(FedH2LError, match="4 of its 4 parameters are not the model's"):
        TorchLearner(model, foreign, (X, Y))
    with pytest.raises(FedH2LError, match="it is another optimizer's"):
        TorchLearner(model, adam, (X, Y), schedule=lr_scheduler.ExponentialLR(foreign, 0.9))
    with pytest.raises(FedH2LError, match="LBFGS asks for closure"):
        TorchLearner(model, torch.optim.LBFGS(model.parameters()), (X, Y))
    with pytest.raises(FedH2LError, match="ReduceLROnPlateau asks for metrics"):
        TorchLearner(model, adam, (X, Y), schedule=lr_scheduler.ReduceLROnPlateau(adam))  # type: ignore[arg-type]
