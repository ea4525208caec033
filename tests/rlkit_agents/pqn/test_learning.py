import pytest

from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.progress import PlainReporter
from rlkit.training.run import train


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cartpole_is_solved(seed, tmp_path):
    train(
        "CartPole-v1", algo="pqn", steps=60_000, seed=seed, run_dir=tmp_path / "run",
        reporter=lambda total: PlainReporter(total, quiet=True),
    )  # fmt: skip
    assert evaluate_policy(find_policy(tmp_path / "run"), episodes=50).mean_reward > 450
