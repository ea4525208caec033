import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlkit_agents.dqn import DQN
from rlkit_agents.dqn.presets import PRESETS

from rlkit.hyperparameters import validated
from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Spaces

TASKS = {
    "vector": Spaces({"observation": Leaf("observation", (4,), "float32")}, ("a", "b")),
    "grid": Spaces({"grid": Leaf("grid", (10, 10, 4), "uint8")}, ("a", "b")),
    "small picture": Spaces({"birdview": Leaf("birdview", (24, 24, 1), "uint8")}, ("a", "b")),
    "picture": Spaces({"screen": Leaf("screen", (84, 84, 4), "uint8", 4)}, ("a", "b"), reward_clip=1.0),
    "two pictures": Spaces(
        {"screen": Leaf("screen", (84, 84, 1), "uint8"), "radar": Leaf("radar", (16, 16, 1), "uint8")}, ("a", "b")
    ),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
@given(steps=st.integers(1, 10**9))
def test_presets_are_valid_for_every_budget(preset, task, steps):
    config = PRESETS[preset](TASKS[task], steps)
    assert validated(config) == config
    assert config.exploration_steps <= max(steps, 1)
    assert config.learning_rate_steps == steps


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_agents_of_every_preset_act_and_learn(preset, task):
    spaces = TASKS[task]
    config = PRESETS[preset](spaces, 100_000)
    config = dataclasses.replace(config, batch_size=4, update_interval=4, learning_starts=8, buffer_size=100)
    agent = DQN.build(spaces, config, num_envs=2, device="cpu", seed=0)
    rng = np.random.default_rng(0)
    no = np.zeros(2, bool)
    for taken in range(2, 21, 2):
        seen = {
            leaf.name: rng.integers(256, size=(2, *leaf.shape)).astype(leaf.dtype)
            for leaf in spaces.observations.values()
        }
        rewards = rng.standard_normal(2).astype(np.float32)
        agent.observe(Transitions(seen, agent.act(seen, explore=True), rewards, no, no, seen))
        metrics = agent.update(taken)
    assert agent.updates == 3
    assert np.isfinite(metrics["train/loss"])
    assert len(agent.describe()) == 4


def test_the_default_preset_depends_on_the_observations():
    configs = {name: PRESETS["fast"](spaces, 100_000) for name, spaces in TASKS.items()}
    assert len({dataclasses.astuple(config) for config in configs.values()}) == len(TASKS)


def test_rewards_are_clipped_as_the_environment_recommends():
    assert PRESETS["fast"](TASKS["picture"], 1_000).reward_clip == 1.0
    assert PRESETS["fast"](TASKS["vector"], 1_000).reward_clip is None


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in ("fast", "gpu")])
def test_published_presets_have_none_of_our_additions(preset):
    config = PRESETS[preset](TASKS["picture"], 50_000_000)
    assert config.reward_clip == 1.0
    assert config.ema_decay == 0
    additions = ("layer_norm", "mirror", "weight_decay", "dropout", "reset_interval", "n_step_final")
    assert not any(getattr(config, name) for name in additions)
    assert config.learning_rate == config.learning_rate_final
    assert config.buffer_size == 1_000_000


@pytest.mark.parametrize(
    ("preset", "numbers"),
    [
        (
            "dqn-nature",
            {"learning_rate": 2.5e-4, "exploration_final_epsilon": 0.1, "exploration_steps": 1_000_000,
             "learning_starts": 50_000, "target_update_interval": 10_000, "n_step": 1, "double": False,
             "encoder": "nature", "hidden": (512,), "optimizer": "rmsprop-published", "adam_epsilon": 0.01 / 32**2},
        ),
        (
            "double-dqn",
            {"double": True, "shared_bias": True, "target_update_interval": 30_000, "exploration_final_epsilon": 0.01},
        ),
        (
            "rainbow",
            {"distribution": "categorical", "num_atoms": 51, "learning_rate": 6.25e-5, "noisy": True, "n_step": 3,
             "per_alpha": 0.5, "per_beta": 0.4, "learning_starts": 20_000, "double": True,
             "target_update_interval": 8_000, "adam_epsilon": 1.5e-4, "dueling_hidden": (512,)},
        ),
        ("data-efficient-rainbow", {"n_step": 10, "update_interval": 1, "learning_starts": 1_600, "noisy_sigma": 0.1}),
        (
            "drq-eps",
            {"random_shift": 4, "random_intensity": 0.05, "n_step": 10, "target_update_interval": 1,
             "exploration_steps": 5_000},
        ),
        ("iqn-munchausen", {"num_quantiles": 64, "munchausen_temperature": 0.03, "learning_rate": 5e-5, "n_step": 1}),
        ("btr", {"gamma": 0.997, "batch_size": 256, "update_interval": 64, "per_alpha": 0.2, "noisy": True,
                 "munchausen_policy": "online", "per_error": "quantiles", "exploration_decay": "exponential",
                 "exploration_steps": 2_000_000, "exploration_end": 25_000_000}),
    ],
)  # fmt: skip
def test_published_numbers(preset, numbers):
    config = PRESETS[preset](TASKS["picture"], 50_000_000)
    assert {name: getattr(config, name) for name in numbers} == numbers


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in ("fast", "gpu")])
def test_schedules_of_published_presets_shrink_with_a_short_budget(preset):
    """Exploration takes a tenth of it, updates start after a twentieth, and the buffer holds all of it."""
    config, shortest = (PRESETS[preset](TASKS["picture"], steps) for steps in (2_000, 1))
    if "rainbow" not in preset:  # which explores by noise alone
        assert config.exploration_steps == 200
    assert config.learning_starts == 100
    assert config.buffer_size == 2_000
    assert (shortest.learning_starts, shortest.exploration_steps, shortest.buffer_size) == (1, 1, 1_000)


@pytest.mark.parametrize("preset", PRESETS)
def test_encoders_fit_the_size_of_images(preset):
    """The published convolutions need images of about 84 pixels."""
    encoders = {task: PRESETS[preset](spaces, 100_000).encoder for task, spaces in TASKS.items()}
    large = {"fast": "nature-small", "gpu": "impala-wide", "btr": "impala-wide"}.get(preset, "nature")
    assert encoders["picture"] == large
    assert {encoders[task] for task in ("vector", "grid", "small picture")} == {"auto"}
    if preset in ("gpu", "btr"):
        assert encoders["two pictures"] == "impala-wide"
    else:
        assert encoders["two pictures"] == "auto"


def test_images_are_shifted_only_in_short_budgets_of_large_ones():
    for preset, longest in (("fast", 200_000), ("gpu", 500_000)):
        shifts = [PRESETS[preset](TASKS["picture"], steps).random_shift for steps in (longest, longest + 1)]
        assert shifts == [4, 0]
        assert PRESETS[preset](TASKS["small picture"], longest).random_shift == 0
    assert PRESETS["drq-eps"](TASKS["vector"], 1_000).random_shift == 0
    assert PRESETS["drq-eps"](TASKS["vector"], 1_000).random_intensity == 0


def test_the_preset_for_gpus_has_streams_of_their_own_for_large_images_only():
    large, small = (PRESETS["gpu"](TASKS[task], 100_000) for task in ("picture", "small picture"))
    assert (large.hidden, large.dueling_hidden) == ((), (512,))
    assert (small.hidden, small.dueling_hidden) == ((256,), ())
    assert large.munchausen
    assert not large.double
