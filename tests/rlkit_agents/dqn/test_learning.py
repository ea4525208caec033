"""Learning over several seeds, evaluated on unseen episodes; minutes each, run by `make test-slow`."""

import pytest

from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter
from rlkit.training.run import train

pytestmark = pytest.mark.slow


def quiet(total):
    return PlainReporter(total, quiet=True)


@pytest.mark.parametrize("seed", range(3))
def test_driving_finishes_laps_on_unseen_circuits(seed, tmp_path):
    """The default budget, about a minute."""
    train("rlkit/Driving-v0", seed=seed, run_dir=tmp_path / "run", reporter=quiet)
    result = evaluate_policy(find_policy(tmp_path / "run"), episodes=200)
    assert result.means["lap_rate"] >= 0.97
    assert result.means["ratio"] < 1.25


@pytest.mark.parametrize("seed", range(5))
def test_cartpole_is_solved(seed, tmp_path):
    train("CartPole-v1", seed=seed, run_dir=tmp_path / "run", reporter=quiet)
    assert max(row.get("eval/mean_reward", 0) for row in read_metrics(tmp_path / "run")) >= 475
    assert evaluate_policy(find_policy(tmp_path / "run"), episodes=100, seed=1).mean_reward >= 475


@pytest.mark.parametrize("seed", range(5))
def test_mountain_car_is_solved(seed, tmp_path):
    train("MountainCar-v0", seed=seed, steps=40_000, run_dir=tmp_path / "run", reporter=quiet)
    assert evaluate_policy(find_policy(tmp_path / "run"), episodes=100, seed=1).mean_reward >= -120
