"""Training of driving policies, and their evaluation on unseen circuits with any perception."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import rlkit
from common.reporting import Row, quiet, whole
from rlkit.env.make import make_vec_env
from rlkit.env.seeding import episode_seed
from rlkit.env.vector import VecEnv
from rlkit.nn.utils import torch_set_up
from rlkit.policy import find_policy
from rlkit.training.config import MEASURED_ENVS
from rlkit.training.evaluation import evaluate
from rlkit.training.run import resume

ENVIRONMENT = "rlkit/DrivingCamera-v0"
EVERY_SENSOR = {"sensors": ["camera", "segmentation", "state"]}
LABELS_ONLY = {"sensors": ["segmentation", "state"]}  # the camera image is not needed, and not rendered
CAUTIOUS = {"reward_speed_cap": 14.0}  # m/s; for reliable laps rather than fast ones
WEATHERS = {"training weathers": "train", "held-out weathers": "held-out"}


class IoURecorder:
    """An agent that records the IoU of its perception on the images that it drives by.

    Args:
        agent: The agent.
        environments: Its environments.
    """

    def __init__(self, agent: Any, environments: VecEnv):
        self._agent = agent
        self._pipeline = environments.observer.perceiver
        self._intersection = self._union = 0

    def bind(self, environments: VecEnv) -> None:
        """Bind the agent."""
        self._agent.bind(environments)

    def act(self, observations: Any, explore: bool) -> Any:
        """Actions of the agent."""
        if self._pipeline is not None:
            intersection, union = self._pipeline.intersection_and_union()
            self._intersection += int(intersection.sum())
            self._union += int(union.sum())
        return self._agent.act(observations, explore)

    @property
    def iou(self) -> float | None:
        """Of the drivable area, over all images; None without perception."""
        return self._intersection / self._union if self._union else None


def train_driver(
    folder: Path,
    steps: int,
    seed: int,
    *,
    environment: str = ENVIRONMENT,
    rewards: Mapping[str, Any] = CAUTIOUS,
    **options: Any,
) -> Path:
    """Train a policy, or resume an interrupted training; a finished one is kept.

    Args:
        folder: The run folder.
        steps: Budget.
        seed: Random seed.
        environment: Id of the environment.
        rewards: Arguments of the environment, over which those of `options` have precedence.
        **options: See `rlkit.training.config.plan`.
    """
    if (folder / "config.json").exists():
        whole(resume(folder, reporter=quiet))
    else:
        every = max(1, steps // 10)
        train = partial(rlkit.train, environment, eval_freq=0, save_freq=every, reporter=quiet)
        options["env_kwargs"] = {**rewards, **options.get("env_kwargs", {})}
        whole(train(steps=steps, seed=seed, run_dir=folder, **options))
    return folder


def drive(
    run: Path,
    circuits: int,
    weather: str,
    *,
    perception: str | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
    sensors: Mapping[str, Any] = EVERY_SENSOR,
    seed: int = 0,
) -> Row:
    """Evaluate a policy on one lap of each of so many unseen circuits.

    Args:
        run: The policy's run folder.
        circuits: Number of circuits.
        weather: Name of a weather, or of a mixture.
        perception: A segmentation model or `truth`; None for that of the training.
        perception_kwargs: Perception options that differ from the training.
        sensors: Argument of the environment.
        seed: Selects the circuits.
    """
    policy = find_policy(
        run,
        env_kwargs={**sensors, "weather": weather},
        perception=perception,
        perception_kwargs=perception_kwargs,
    )
    seeds = [episode_seed(seed, 0, number, "evaluation") for number in range(circuits)]
    with make_vec_env(policy.environment, min(circuits, MEASURED_ENVS)) as environments:
        agent = policy.agent(environments.spaces, environments.num_envs)
        recorder: Any = IoURecorder(agent, environments)
        with torch_set_up(agent.threads, deterministic=False):
            result = evaluate(recorder, run.name, environments, seeds)
    finished = [bool(episode["finished"]) for episode in result.episodes]
    ratios = [episode["ratio"] for episode in result.episodes if episode["finished"]]
    return {
        "circuits": circuits,
        "finished": finished,
        "laps": float(np.mean(finished)),
        "collisions": float(np.mean([episode["collisions"] for episode in result.episodes])),
        "ratio": float(np.median(ratios)) if ratios else None,
        "off_road_seconds": float(np.mean([episode["off_road_seconds"] for episode in result.episodes])),
        "reward": result.mean_reward,
        "iou": recorder.iou,
        "seconds": round(result.seconds, 1),
    }


def trained_minutes(run: Path) -> float:
    """Minutes of a run's training, over all its sessions."""
    from rlkit.utils.io import read_json

    newest = max(folder for folder in (run / "checkpoints").iterdir() if folder.name.isdigit())
    return float(read_json(newest / "training.json")["loop"]["seconds"]) / 60.0
