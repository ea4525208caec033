import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlkit_agents.dqn.presets import PRESETS

from rlkit.hyperparameters import validated
from rlkit.spaces import Leaf, Spaces

TASKS = {
    "vector": Spaces({"observation": Leaf("observation", (4,), "float32")}, ("a", "b")),
    "small picture": Spaces({"birdview": Leaf("birdview", (24, 24, 1), "uint8")}, ("a", "b")),
    "picture": Spaces({"screen": Leaf("screen", (84, 84, 4), "uint8", 4)}, ("a", "b")),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
@given(steps=st.integers(1, 10**9))
def test_a_preset_is_possible_for_every_budget(preset, task, steps):
    config = PRESETS[preset](TASKS[task], steps)
    assert validated(config) == config
    assert config.exploration_steps <= max(steps, 1)
    assert config.learning_rate_steps == steps


def test_presets_go_by_what_is_seen():
    configs = {name: PRESETS["fast"](spaces, 100_000) for name, spaces in TASKS.items()}
    assert len({dataclasses.astuple(config) for config in configs.values()}) == len(TASKS)
