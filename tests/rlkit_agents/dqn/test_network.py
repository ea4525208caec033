"""The Q-network: precision, implicit quantiles, layers."""

import dataclasses

import pytest
import torch
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.network import build_network, choose_precision

from rlkit.spaces import Leaf, Spaces

SPACES = Spaces(
    {"view": Leaf("view", (24, 24, 1), "uint8"), "speed": Leaf("speed", (2,), "float32")}, ("left", "right")
)
CONFIG = DQNConfig(hidden=(32,))


def observations(spaces):
    generator = torch.Generator().manual_seed(0)
    seen = {
        "view": torch.randint(0, 256, (8, 24, 24, 1), generator=generator, dtype=torch.uint8),
        "speed": torch.randn(8, 2, generator=generator),
    }
    return {name: seen[name] for name in spaces.observations}


@pytest.mark.parametrize("view", [(24, 24, 1), (84, 84, 1)])
def test_auto_is_bfloat16_for_large_images_on_devices_that_are_quick_with_it(view, monkeypatch):
    spaces = Spaces({"view": Leaf("view", view, "uint8"), "speed": Leaf("speed", (2,), "float32")}, ("left", "right"))
    for quick in (True, False):
        monkeypatch.setattr("rlkit.nn.utils.is_quick_with_bfloat16", lambda device, quick=quick: quick)
        large = torch.bfloat16 if quick and view[0] >= 64 else torch.float32
        assert choose_precision("auto", spaces, "cpu") == large
        assert choose_precision("bfloat16", spaces, "cpu") == torch.bfloat16
        assert choose_precision("float32", spaces, "cpu") == torch.float32


@pytest.mark.parametrize("spaces", [SPACES, Spaces({"speed": Leaf("speed", (2,), "float32")}, ("left", "right"))])
def test_an_implicit_network_gives_the_median_unless_fractions_are_asked_for(spaces):
    config = dataclasses.replace(CONFIG, distribution="implicit")
    network = build_network(spaces, config, 1, torch.Generator().manual_seed(0))
    seen = observations(spaces)
    with torch.no_grad():
        median = network(seen)
        several = network(seen, torch.tensor([[0.1, 0.5, 0.9]]).expand(8, 3))
    assert median.shape == (8, 2, 1)
    assert several.shape == (8, 2, 3)
    torch.testing.assert_close(several[..., 1:2], median)
    assert not torch.allclose(several[..., 0], several[..., 2])


def test_hidden_layers_may_be_missing():
    for options in ({}, {"dueling": False}, {"distribution": "implicit"}):
        config = dataclasses.replace(CONFIG, hidden=(), **options)
        network = build_network(SPACES, config, 1, torch.Generator().manual_seed(0))
        assert network(observations(SPACES)).shape == (8, 2, 1)
