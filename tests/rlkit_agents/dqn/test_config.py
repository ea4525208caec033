import dataclasses

import pytest
from rlkit_agents.dqn import DQN, DQNConfig

from rlkit.errors import UserError
from rlkit.hyperparameters import validated
from rlkit.spaces import Leaf, Spaces

VECTOR = Spaces({"observation": Leaf("observation", (3,), "float32")}, ("a", "b", "c"))
QUICK = DQNConfig(batch_size=32, learning_starts=64, buffer_size=2_000, n_step=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 5_000}, "larger than buffer_size"),
        ({"gamma": 1.5}, "gamma = 1.5 is out of range"),
        ({"gamma": float("nan")}, "gamma = nan is out of range"),
        ({"encoder": "natur"}, "not one of auto"),
        ({"hidden": (256, 0)}, "hidden = 0"),
        ({"munchausen": True}, "munchausen = True and double = True"),
        ({"munchausen": True, "double": False, "distribution": "categorical"}, "munchausen .* 'categorical'"),
        ({"value_min": 3.0, "value_max": -3.0}, "value_min = 3 is not below value_max = -3"),
        ({"n_step": 50, "buffer_size": 40, "learning_starts": 33}, "n_step = 50 is larger than buffer_size = 40"),
        ({"n_step": 2, "n_step_final": 3}, "n_step_final = 3 is larger than n_step = 2"),
        ({"noisy": True, "hidden": ()}, "noisy = True with hidden"),
        ({"dueling_hidden": (512,), "dueling": False}, "dueling_hidden .* dueling = False"),
        ({"weight_decay": 0.1, "optimizer": "rmsprop"}, "weight_decay .* optimizer"),
        ({"shared_bias": True}, "shared_bias = True with dueling = True"),
        ({"shared_bias": True, "dueling": False, "noisy": True}, "shared_bias = True .* noisy = True"),
        ({"per_error": "quantiles"}, "per_error = 'quantiles' with distribution = 'none'"),
        ({"distribution": "gaussian"}, "not one of none, categorical"),
    ],
)
def test_contradictory_hyperparameters_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        validated(dataclasses.replace(QUICK, **wrong))


def test_random_shift_without_images_is_refused():
    with pytest.raises(UserError, match="random_shift = 4: there is no image to change"):
        DQN.build(VECTOR, dataclasses.replace(QUICK, random_shift=4), num_envs=1, device="cpu", seed=0)


def test_random_intensity_without_images_is_refused():
    with pytest.raises(UserError, match=r"random_intensity = 0\.05: there is no image"):
        DQN.build(VECTOR, dataclasses.replace(QUICK, random_intensity=0.05), num_envs=1, device="cpu", seed=0)


def test_combinations_that_fit_are_allowed():
    for settings in (
        {"batch_size": 64, "buffer_size": 64, "learning_starts": 64},
        {"n_step": 64, "batch_size": 64, "buffer_size": 64, "learning_starts": 64},
        {"n_step": 4, "n_step_final": 4},
        {"weight_decay": 0.1, "optimizer": "adam"},
        {"munchausen": True, "double": False},
        {"noisy": True, "hidden": (), "dueling_hidden": (64,)},
        {"shared_bias": True, "dueling": False},
        {"per_error": "quantiles", "distribution": "quantile"},
        {"per_error": "quantiles", "distribution": "implicit"},
    ):
        config = dataclasses.replace(QUICK, **settings)
        assert validated(config) == config
    with pytest.raises(UserError, match="value_min = 1 is not below value_max = 1"):
        validated(dataclasses.replace(QUICK, value_min=1.0, value_max=1.0))
