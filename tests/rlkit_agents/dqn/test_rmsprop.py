"""Centred RMSProp against its formula."""

import math

import pytest
import torch
from rlkit_agents.dqn.rmsprop import CentredRMSProp


def steps_of(gradients, lr, alpha, eps, centred=True):
    """Graves 2013, equations 38 to 45, entry by entry: the position after each step, from 0."""
    position = mean = square = 0.0
    positions = []
    for gradient in gradients:
        square = alpha * square + (1 - alpha) * gradient**2
        mean = alpha * mean + (1 - alpha) * gradient
        position -= lr * gradient / math.sqrt(square - (mean**2 if centred else 0.0) + eps)
        positions.append(position)
    return positions


@pytest.mark.parametrize("eps", [0.01 / 32**2, 0.5])
def test_epsilon_is_under_the_root_and_the_square_is_centred(eps):
    generator = torch.Generator().manual_seed(0)
    gradients = 1e-3 + 1e-2 * torch.randn(40, 3, generator=generator)
    parameter = torch.nn.Parameter(torch.zeros(3))
    unused = torch.nn.Parameter(torch.ones(2))
    optimizer = CentredRMSProp([parameter, unused], lr=0.1, alpha=0.9, eps=eps)
    found = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        found.append(parameter.detach().clone())
    for k in range(3):
        column = gradients[:, k].tolist()
        expected = steps_of(column, 0.1, 0.9, eps)
        torch.testing.assert_close(torch.stack(found)[:, k], torch.tensor(expected), rtol=1e-4, atol=1e-5)
    assert unused.tolist() == [1, 1]
    if eps < 0.1:
        plain = steps_of(gradients[:, 0].tolist(), 0.1, 0.9, eps, centred=False)
        assert plain[-1] != pytest.approx(found[-1][0].item(), rel=1e-2)


def test_a_step_of_constant_gradients_is_bounded_by_epsilon():
    """The variance goes to 0: the step is lr · gradient / sqrt(eps), where torch's would be lr · gradient / eps."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = CentredRMSProp([parameter], lr=1.0, alpha=0.5, eps=1e-4)
    for _ in range(60):
        before = parameter.item()
        parameter.grad = torch.full((1,), 1e-3)
        optimizer.step()
    assert before - parameter.item() == pytest.approx(1e-3 / 1e-2, rel=1e-3)
