import numpy as np
import pytest

from rlkit import runs
from rlkit.environment_config import EnvironmentConfig
from rlkit.environments import make_environments, played_to_the_end
from rlkit.episode_options import LONGEST, EpisodeOptions, UnrewardedSteps
from rlkit.errors import UserError


@pytest.mark.parametrize("limit", [-1, 2.5, True, "25", None, LONGEST + 1])
def test_what_is_no_number_of_steps_is_refused(limit):
    with pytest.raises(UserError, match="unrewarded_limit is a whole number of steps"):
        EpisodeOptions(limit)


def test_only_steps_in_a_row_count_and_each_environment_by_itself():
    steps = UnrewardedSteps(2, 3)
    over = [steps.over(np.array(rewards, np.float32)).tolist() for rewards in ([0, 1, -1], [0, 0, 1], [0, 0, 0])]
    assert over == [[False, False, False], [True, False, False], [True, True, False]]
    steps.begin(np.array([True, False, False]))
    assert steps.over(np.zeros(3, np.float32)).tolist() == [False, True, True]


def test_without_a_limit_nothing_is_ever_over():
    steps = UnrewardedSteps(0, 1)
    assert not any(steps.over(np.zeros(1, np.float32)).any() for _ in range(5))


def lengths(config, actions, episodes):
    """How long the first episodes last when the same action is always taken, and how they end."""
    with make_environments(config, 1) as environments:
        ends = []
        for seed in range(episodes):
            environments.reset([seed])
            for count in range(1, 400):
                step = environments.step(np.array([actions]))
                if step.ended[0]:
                    ends.append((count, bool(step.terminated[0]), bool(step.truncated[0])))
                    break
        return ends


def test_an_episode_that_earns_nothing_ends_like_a_failure_in_batches_and_one_by_one():
    idle = EnvironmentConfig("MountainCar-v0", {"unrewarded_limit": 7})  # every step costs a point
    assert lengths(idle, 1, 3) == [(7, True, False)] * 3
    waiting = EnvironmentConfig("rlkit/Maze-v0", {"unrewarded_limit": 9})
    assert all(count <= 9 and terminated for count, terminated, _ in lengths(waiting, 0, 3))


def test_an_episode_that_earns_goes_on():
    earning = EnvironmentConfig("CartPole-v1")
    assert lengths(earning.with_kwargs({"unrewarded_limit": 2}), 1, 5) == lengths(earning, 1, 5)


def test_who_learns_is_told():
    with make_environments(EnvironmentConfig("CartPole-v1", {"unrewarded_limit": 25}), 1) as environments:
        assert environments.describe()[-1] == "episodes: over after 25 steps in a row without a reward above 0"
    with make_environments(EnvironmentConfig("CartPole-v1"), 1) as environments:
        assert "episodes" not in environments.describe()[-1]


def test_measuring_plays_to_the_end():
    config = EnvironmentConfig("MountainCar-v0", {"unrewarded_limit": 7, "goal_velocity": 0.01})
    assert played_to_the_end(config).kwargs == {"goal_velocity": 0.01}
    assert played_to_the_end(EnvironmentConfig("CartPole-v1")) == EnvironmentConfig("CartPole-v1")


def test_an_environment_with_such_an_argument_of_its_own_keeps_it(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "class Own(CartPoleEnv):\n"
        "    def __init__(self, unrewarded_limit=1, render_mode=None):\n"
        "        super().__init__(render_mode=render_mode)\n"
    )
    config = EnvironmentConfig(f"{file}:Own", {"unrewarded_limit": 3})
    assert played_to_the_end(config) == config


def test_a_run_learns_by_the_limit_and_is_measured_without_it():
    plan = runs.plan("MountainCar-v0", env_kwargs={"unrewarded_limit": 7, "goal_velocity": 0.01})
    assert plan.environment.kwargs == {"unrewarded_limit": 7, "goal_velocity": 0.01}
    assert plan.evaluation.kwargs == {"goal_velocity": 0.01}
