"""One learner of the MinAtar race: learns one game on one core, then is evaluated.

Started by minatar_learning.py, two at a time. It prints `ready` after its imports, learns from the line `go` on, keeps
its weights at intervals, evaluates each of them at the end, and prints a curve as JSON.
"""

import argparse
import copy
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from rlkit_envs.minatar import register

from rlkit import plugins
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.env.seeding import episode_seed
from rlkit.nn.utils import torch_set_up
from rlkit.training.agent_trainer import AgentTrainer
from rlkit.training.config import plan
from rlkit.training.evaluation import evaluate
from rlkit.training.progress import PlainReporter
from rlkit.training.run import build_agent
from rlkit.training.run_folder import RunFolder

MAX_EPISODE_STEPS = 20_000  # in an evaluation
ENDLESS = 10_000_000  # steps, for an agent that is stopped by the clock
EPSILON_STEPS = 100_000  # as MinAtar's own DQN explores (Young & Tian 2019)


class Curve:
    """Weights kept at even intervals of time, or of steps without a time limit.

    Args:
        points: Number of intervals.
        seconds: Time limit of learning; None for none.
        steps: Number of steps.
    """

    def __init__(self, points: int, seconds: float | None, steps: int):
        self.kept: list[tuple[float, int, Any]] = []
        self._points, self._seconds, self._steps = points, seconds, steps
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time since the start, including construction of environments and networks."""
        return time.perf_counter() - self._began

    def update(self, steps: int, weights: Callable[[], Any]) -> None:
        """Keep the weights if a point is reached."""
        share = steps / self._steps if self._seconds is None else self.seconds / self._seconds
        if share * self._points >= len(self.kept) + 1:
            self.keep(steps, weights)

    def keep(self, steps: int, weights: Callable[[], Any]) -> None:
        """Keep the weights."""
        self.kept.append((self.seconds, steps, copy.deepcopy(weights())))


# ------------------------------------------------------------------------------------------------------------- ours


def learn_ours(options: argparse.Namespace, curve: Curve) -> tuple[Any, Callable[[Any], None]]:
    """Train as `rlkit train` does; returns the agent and how to give it weights."""
    config = plan(
        options.env,
        preset=options.preset,
        settings=dict(pair.split("=", 1) for pair in options.set),
        steps=options.steps,
        seed=options.seed,
        device="cpu",
        num_envs=options.num_envs,
        eval_freq=0,
        save_freq=0,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        make_vec_env(config.environment, config.num_envs) as environments,
        torch_set_up(1, False),
    ):
        agent = build_agent(config, environments.spaces)
        learn = agent.update

        def update(steps: int) -> dict[str, float]:
            metrics = learn(steps)
            curve.update(steps, agent.weights)
            return metrics

        agent.update = update  # type: ignore[method-assign]
        run = RunFolder.create(Path(folder) / "run", config)
        training = AgentTrainer(run, agent, environments, environments, PlainReporter(config.steps, quiet=True))
        training.fit(None if options.seconds is None else options.seconds - curve.seconds)
        if not curve.kept or curve.kept[-1][1] < training.steps:
            curve.keep(training.steps, agent.weights)
    return agent, agent.load_weights


# ------------------------------------------------------------------------------------------------ Stable-Baselines3


class ForPeer(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Channel-first binary images, as Stable-Baselines3 expects."""

    def __init__(self, env: gymnasium.Env[Any, Any]):
        super().__init__(env)
        height, width, channels = env.observation_space.shape or ()
        self.observation_space = gymnasium.spaces.Box(0, 1, (channels, height, width), np.uint8)

    def observation(self, observation: Any) -> Any:
        """(H, W, C) to (C, H, W)."""
        return np.moveaxis(observation, -1, 0).astype(np.uint8)


class Player:
    """A policy with the interface of rlkit's evaluation, from a function of images (N, H, W, C)."""

    def __init__(self, best: Callable[[Any], Any]):
        self._best = best

    def bind(self, environments: Any) -> None:
        """Do nothing: the policy needs only observations."""

    def act(self, observations: Any, explore: bool) -> Any:
        """Greedy actions (N,)."""
        return self._best(observations["observation"])


def learn_peer(options: argparse.Namespace, curve: Curve) -> tuple[Any, Callable[[Any], None]]:
    """Train Stable-Baselines3's DQN with the network of MinAtar's authors: 16 convolutions of 3×3, 128 dense."""
    from stable_baselines3 import DQN
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    class Network(BaseFeaturesExtractor):
        def __init__(self, space: gymnasium.spaces.Box):
            super().__init__(space, 128)
            self.layers = torch.nn.Sequential(
                torch.nn.Conv2d(space.shape[0], 16, 3),
                torch.nn.ReLU(),
                torch.nn.Flatten(),
                torch.nn.Linear(16 * 8 * 8, 128),
                torch.nn.ReLU(),
            )

        def forward(self, observations: torch.Tensor) -> torch.Tensor:
            return self.layers(observations)

    class Watch(BaseCallback):
        def _on_step(self) -> bool:
            curve.update(self.num_timesteps, self.model.q_net.state_dict)
            return options.seconds is None or curve.seconds < options.seconds

    torch.set_num_threads(1)
    total = ENDLESS if options.seconds is not None else options.steps
    model = DQN(
        "MlpPolicy",
        ForPeer(gymnasium.make(options.env)),
        learning_rate=2.5e-4,
        buffer_size=100_000,
        learning_starts=5_000,
        batch_size=32,
        train_freq=4,
        target_update_interval=1_000,
        exploration_fraction=EPSILON_STEPS / total,
        seed=options.seed,
        device="cpu",
        policy_kwargs={"features_extractor_class": Network, "net_arch": []},
        **json.loads(options.peer),
    )
    model.learn(total, callback=Watch())
    if curve.kept[-1][1] < model.num_timesteps:
        curve.keep(model.num_timesteps, model.q_net.state_dict)

    @torch.inference_mode()
    def best(pictures: Any) -> Any:
        bits = torch.from_numpy(pictures).permute(0, 3, 1, 2).gt(0).float()
        return model.q_net(bits).argmax(dim=1).numpy()

    return Player(best), model.q_net.load_state_dict


def no_learning(options: argparse.Namespace, curve: Curve) -> tuple[Any, Callable[[Any], None]]:
    """Act at random: what a score of nothing is."""
    with make_vec_env(EnvConfig(options.env), 1) as one:
        agent_type = plugins.agent_class("random")
        agent = agent_type.build(one.spaces, agent_type.Config(), options.episodes, "cpu", options.seed)
    curve.keep(0, dict)
    return agent, lambda weights: None


SIDES = {"ours": learn_ours, "sb3": learn_peer, "random": no_learning}


def main() -> None:
    """Learn, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("game")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--preset")
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--num-envs", type=int)
    parser.add_argument("--peer", default="{}", help="arguments of Stable-Baselines3's DQN, as JSON")
    options = parser.parse_args()
    options.env = f"MinAtar/{options.game}-v1"
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    torch.set_num_threads(1)
    register()
    gymnasium.make(options.env).close()
    from torch.utils import tensorboard  # noqa: F401 - both sides import it before the clock runs

    if options.side == "sb3":
        import stable_baselines3  # noqa: F401
    print("ready", flush=True)
    sys.stdin.readline()
    curve = Curve(options.points, options.seconds, options.steps)
    player, give = SIDES[options.side](options, curve)
    points = []
    seeds = [episode_seed(options.seed, 0, number, "evaluation") for number in range(options.episodes)]
    measured = EnvConfig(options.env, {"max_episode_steps": MAX_EPISODE_STEPS})
    with make_vec_env(measured, options.episodes) as environments:
        for seconds, steps, weights in curve.kept:
            give(weights)
            score = evaluate(player, options.side, environments, seeds).mean_reward
            points.append([round(seconds, 2), steps, score])
    print(json.dumps(points), flush=True)


if __name__ == "__main__":
    main()
