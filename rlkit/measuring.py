"""Measuring somebody who can act: on fresh episodes, or on the scenarios in given files."""

import dataclasses
from pathlib import Path

from rlkit.capabilities import scenario_option
from rlkit.environments import EnvironmentConfig, episode_seed, make_environments, read_metadata
from rlkit.errors import UserError
from rlkit.runs import MEASURED_ENVS, PYTHON_ENVS, torch_set_up
from rlkit.training.evaluation import Evaluation, evaluate
from rlkit.who import Who

EPISODES = 20


def measure(who: Who, *, episodes: int | None = None, seed: int = 0, scenario: Path | None = None) -> Evaluation:
    """Let somebody act through whole episodes and say what came of it.

    Args:
        who: Who, and where.
        episodes: How many; per file where scenarios are given. None: 20, or one per file.
        seed: Which episodes.
        scenario: A file, or a folder of them, for the environment's scenario option.

    Raises:
        UserError: If the environment takes no scenarios, or a file is missing.
    """
    if scenario is None:
        return _measure(who, who.environment, EPISODES if episodes is None else episodes, seed)
    results = [_measure(who, place, episodes or 1, seed) for place in scenarios(who.environment, scenario)]
    return dataclasses.replace(
        results[0],
        episodes=[episode for result in results for episode in result.episodes],
        beginnings=[beginning for result in results for beginning in result.beginnings],
        seconds=sum(result.seconds for result in results),
    )


def _measure(who: Who, environment: EnvironmentConfig, episodes: int, seed: int) -> Evaluation:
    with make_environments(environment, 1) as one:
        most = MEASURED_ENVS if one.native else PYTHON_ENVS
    with make_environments(environment, min(episodes, most)) as environments:
        agent = who.agent(environments.spaces, environments.num_envs)
        seeds = [episode_seed(seed, 0, number, "evaluation") for number in range(episodes)]
        with torch_set_up(agent.threads, deterministic=False):
            return evaluate(agent, who.name, environments, seeds)


def scenarios(environment: EnvironmentConfig, path: Path) -> list[EnvironmentConfig]:
    """The environment once for each scenario file, in the order of their names.

    Raises:
        UserError: If the environment takes no scenarios, or there is no file.
    """
    option = scenario_option(read_metadata(environment))
    if option is None:
        raise UserError(f"{environment.id} has no circuits to choose from: leave out --circuit")
    if not path.exists():
        raise UserError(f"--circuit {path}: there is no such file or folder")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv") if path.is_dir() else [path]
    if not files:
        raise UserError(f"--circuit {path}: the folder holds no .csv file")
    return [environment.with_kwargs({option: str(file)}) for file in files]
