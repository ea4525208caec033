"""Drivers that a benchmark trains once, and what they come to on circuits they never saw, by whichever eyes."""

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
LABELS_ONLY = {"sensors": ["segmentation", "state"]}  # nobody looks at the picture, so that it need not be drawn
WEATHERS = {"training weathers": "train", "held-out weathers": "held-out"}


class Witness:
    """Looks over a driver's shoulder: how well the area was found on the very pictures that it drove by.

    Args:
        agent: The driver.
        environments: Where it drives.
    """

    def __init__(self, agent: Any, environments: VecEnv):
        self._agent = agent
        self._pipeline = environments.observer.perceiver
        self._both = self._either = 0

    def bind(self, environments: VecEnv) -> None:
        """As the driver's."""
        self._agent.bind(environments)

    def act(self, observations: Any, explore: bool) -> Any:
        """As the driver's, with a note of what was seen."""
        if self._pipeline is not None:
            both, either = self._pipeline.intersection_and_union()
            self._both += int(both.sum())
            self._either += int(either.sum())
        return self._agent.act(observations, explore)

    @property
    def iou(self) -> float | None:
        """Of the drivable area, over all pictures; None for a driver that sees the camera's picture itself."""
        return self._both / self._either if self._either else None


def train_driver(folder: Path, steps: int, seed: int, **options: Any) -> Path:
    """Train a driver, go on with it where it was interrupted, or leave it as it is when it is done.

    Args:
        folder: The run folder.
        steps: Budget.
        seed: Its seed.
        **options: See `rlkit.training.config.plan`.
    """
    if (folder / "config.json").exists():
        whole(resume(folder, reporter=quiet))
    else:
        every = max(1, steps // 10)
        train = partial(rlkit.train, ENVIRONMENT, eval_freq=0, save_freq=every, reporter=quiet)
        whole(train(steps=steps, seed=seed, run_dir=folder, **options))
    return folder


def drive(
    run: Path,
    circuits: int,
    weather: str,
    *,
    perception: str | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Row:
    """Let a driver drive a lap on each of so many unseen circuits; the same ones for everybody.

    Args:
        run: The driver's run folder.
        circuits: How many.
        weather: A weather's name, or a mixture's.
        perception: Its eyes, where they are not those that it was trained with.
        perception_kwargs: How it sees, as far as it differs.
        seed: Which circuits.
    """
    who = find_policy(
        run,
        env_kwargs={**EVERY_SENSOR, "weather": weather},
        perception=perception,
        perception_kwargs=perception_kwargs,
    )
    seeds = [episode_seed(seed, 0, number, "evaluation") for number in range(circuits)]
    with make_vec_env(who.environment, min(circuits, MEASURED_ENVS)) as environments:
        agent = who.agent(environments.spaces, environments.num_envs)
        witness: Any = Witness(agent, environments)
        with torch_set_up(agent.threads, deterministic=False):
            result = evaluate(witness, run.name, environments, seeds)
    finished = [bool(episode["finished"]) for episode in result.episodes]
    ratios = [episode["ratio"] for episode in result.episodes if episode["finished"]]
    return {
        "circuits": circuits,
        "finished": finished,
        "laps": float(np.mean(finished)),
        "ratio": float(np.median(ratios)) if ratios else None,
        "off_road_seconds": float(np.mean([episode["off_road_seconds"] for episode in result.episodes])),
        "reward": result.mean_reward,
        "iou": witness.iou,
        "seconds": round(result.seconds, 1),
    }


def trained_minutes(run: Path) -> float:
    """Minutes of training that a run has taken, over all its sessions."""
    from rlkit.utils.io import read_json

    newest = max(folder for folder in (run / "checkpoints").iterdir() if folder.name.isdigit())
    return float(read_json(newest / "training.json")["loop"]["seconds"]) / 60.0
