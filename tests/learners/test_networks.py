import pytest
import torch

from fedh2l.learners.networks import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_every_network_takes_small_and_large_images_and_learns(
    name: str, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    model = NETWORKS[name](shape, 7)
    assert model.training
    x, y = torch.rand(16, *shape), torch.arange(16) % 7
    assert model(x).shape == (16, 7)
    adam = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
