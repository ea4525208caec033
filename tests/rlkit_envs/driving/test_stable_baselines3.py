"""Another library trains on the driving environments with one keyword."""

import gymnasium
import pytest
import rlkit_envs  # noqa: F401

sb3 = pytest.importorskip("stable_baselines3", reason="needs stable-baselines3: pip install -e '.[bench]'")

CASES = {
    "rlkit/Driving-v0": {"view_size": 36},
    "rlkit/DrivingTraffic-v0": {"view_size": 36},
    "rlkit/DrivingContinuous-v0": {"view_size": 36},
    "rlkit/DrivingCamera-v0": {},
    "rlkit/CarRacing-v0": {"continuous": False},
}


@pytest.mark.parametrize("env_id", CASES)
@pytest.mark.parametrize("algorithm", ["PPO", "DQN"])
def test_its_default_policy_accepts_every_id(env_id, algorithm):
    env = gymnasium.make(env_id, **CASES[env_id])
    if algorithm == "DQN" and not isinstance(env.action_space, gymnasium.spaces.Discrete):
        pytest.skip("DQN needs discrete actions")
    small = {"n_steps": 32, "batch_size": 32} if algorithm == "PPO" else {"buffer_size": 200, "learning_starts": 16}
    policy = "MultiInputPolicy" if isinstance(env.observation_space, gymnasium.spaces.Dict) else "CnnPolicy"
    getattr(sb3, algorithm)(policy, env, device="cpu", **small).learn(40)
