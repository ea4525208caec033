import pytest

import rlkit
from rlkit.training.progress import PlainReporter

TINY = {"batch_size": "16", "hidden": "16", "learning_starts": "100"}


@pytest.fixture(scope="session")
def cartpole_run(tmp_path_factory):
    """The folder of a short run in CartPole; it must not be changed."""
    return rlkit.train(
        "CartPole-v1",
        steps=300,
        num_envs=4,
        settings=TINY,
        eval_episodes=1,
        run_dir=tmp_path_factory.mktemp("runs") / "cartpole",
        reporter=lambda total: PlainReporter(total, quiet=True),
    ).path
