"""Which evaluation's weights are kept as the best."""

import math
from types import SimpleNamespace

import pytest

from rlkit.capabilities import EpisodeMetric
from rlkit.training import agent_trainer
from rlkit.training.agent_trainer import AgentTrainer
from rlkit.training.evaluation import Evaluation
from rlkit.training.progress import PlainReporter

RATIO = EpisodeMetric("ratio", "ratio", "ratio", minimize=True)


def kept(monkeypatch, tmp_path, rewards, ratios=None):
    """The numbers of the evaluations whose weights were saved as the best, given their mean rewards (and ratios)."""
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
        episode = {"seed": 0, "reward": reward, "length": 1, "ratio": ratios[number] if ratios else None}
        result = Evaluation("CartPole-v1", "dqn", [episode], {"ratio": RATIO} if ratios else {}, ["a"], 0.1)
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


@pytest.mark.parametrize(
    ("rewards", "ratios", "expected"),
    [
        ([100.0, 100.0, 100.0], [1.2, 1.3, 1.1], [0, 2]),
        ([100.0, 99.95, 100.0], [1.2, 1.1, 1.15], [0, 1]),  # equal to within a thousandth
        ([100.0, 100.0], [1.2, 1.2], [0, 1]),
        ([90.0, 98.0, 100.0, 98.0], [1.1, 1.2, 1.3, 1.0], [0, 1, 2]),  # reward comes first
        ([0.0, 50.0, 50.0], [None, 1.5, None], [0, 1]),  # no episode has the metric
    ],
)
def test_among_equal_rewards_the_lowest_metric_to_minimize_is_best(monkeypatch, tmp_path, rewards, ratios, expected):
    assert kept(monkeypatch, tmp_path, rewards, ratios) == expected
