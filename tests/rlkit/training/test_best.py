"""Which evaluation's weights are kept as the best."""

import math
from types import SimpleNamespace

import pytest

from rlkit.training import agent_trainer
from rlkit.training.agent_trainer import AgentTrainer
from rlkit.training.evaluation import Evaluation
from rlkit.training.progress import PlainReporter


def kept(monkeypatch, tmp_path, rewards):
    """The numbers of the evaluations whose weights were saved as the best, given the mean reward of each."""
    saved = []
    config = SimpleNamespace(
        eval_freq=1, eval_episodes=1, seed=0, algorithm="dqn", async_envs=False, hyperparameters={}
    )
    checkpoints = SimpleNamespace(save_best=lambda steps, agent, scores: saved.append(steps))
    environments = SimpleNamespace(num_envs=1, metrics={}, config=SimpleNamespace(id="CartPole-v1"))
    monkeypatch.setattr(agent_trainer, "Collector", lambda *arguments: None)
    trainer = AgentTrainer(
        SimpleNamespace(path=tmp_path, config=config, checkpoints=checkpoints),
        SimpleNamespace(bind=lambda environments: None),
        environments,
        environments,
        PlainReporter(len(rewards), quiet=True),
    )
    for number, reward in enumerate(rewards):
        episode = {"seed": 0, "reward": reward, "length": 1}
        result = Evaluation("CartPole-v1", "dqn", [episode], {}, ["a"], 0.1)
        monkeypatch.setattr(agent_trainer, "evaluate", lambda *arguments, result=result: result)
        trainer.steps = number
        trainer.evaluate(SimpleNamespace(write=lambda *arguments: None), final=False)
    assert trainer.best == (max(rewards) if rewards else -math.inf)
    return saved


@pytest.mark.parametrize(
    ("rewards", "expected"),
    [
        ([100.0, 99.0, 95.0, 91.0], [0]),
        ([100.0, 99.95, 99.85], [0, 1]),  # equal to within a thousandth: the later one has learned longer
        ([-100.0, -101.0, -100.05, -99.0], [0, 2, 3]),
        ([10.0, 20.0, 19.0, 20.0, 21.0], [0, 1, 3, 4]),
        ([0.0, -0.001, 0.0], [0, 2]),
        ([100.0, *[100 * 0.9995**k for k in range(1, 6)]], [0, 1, 2]),  # measured from the best, not from the last
    ],
)
def test_only_evaluations_within_a_thousandth_of_the_best_replace_it(monkeypatch, tmp_path, rewards, expected):
    assert kept(monkeypatch, tmp_path, rewards) == expected
