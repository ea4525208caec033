"""Steps per second with remote actors: environments that wait, and environments that compute.

    python scripts/bench/actors.py --json scripts/bench/results/actors.json

`waiting`: each step of an environment waits 20 ms, as a slow simulator does; N actors step one environment each.
`proportional` is the speed over N times that of one actor. `computing`: CarRacing-v3 at 42×42 pixels, two actors
beside `workers=2`, in turn. Speeds are means over the second half of the budget, when all actors have started.
`learning`: the same run with two actors and without, over seeds: mean reward of the last three evaluations.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from common.reporting import Rows, quiet, whole

from rlkit.cli.options import read_seeds
from rlkit.experiments.records import REWARD, read_run
from rlkit.experiments.statistics import interval
from rlkit.training.progress import PlainReporter
from rlkit.training.run import resume, train

WAITING = f"{Path(__file__).parents[2] / 'tests/rlkit/training/waiting.py'}:Waiting"
WAITED, COMPUTED = "Waiting", "CarRacing-v3"  # names of the environments in the rows
ACTORS = (1, 2, 4, 8, 16, 32)
SECONDS = 40  # of each run with environments that wait
WAIT = 0.02  # s
PIXELS = {"continuous": False, "frame_skip": 4, "grayscale": True, "resize": 42, "frame_stack": 4}
REPEATS = 3
LEARNED = {  # environments of `learning`: steps, if not given, and the environment's arguments
    "CarRacing-v3": (20_000, PIXELS),
    "ALE/Pong-v5": (400_000, {}),
    "LunarLander-v3": (120_000, {}),
    "rlkit/Driving-v0": (150_000, {}),
    "rlkit/Duel-v0": (300_000, {}),
}
EVALUATIONS, EPISODES = 10, 5  # of each run of `learning`, and episodes of each
LAST = 3  # evaluations


class Clock(PlainReporter):
    """Records when how many steps were taken."""

    def __init__(self, total: int):
        super().__init__(total, quiet=True)
        self.times: list[tuple[float, int]] = []

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        """Record one more."""
        self.times.append((time.perf_counter(), steps))

    def speed(self, total: int) -> float:
        """Steps per second over the second half of the budget."""
        began, first = next((at, steps) for at, steps in self.times if steps >= total / 2)
        ended, last = self.times[-1]
        return (last - first) / (ended - began)


def speed(env: str, steps: int, **options: Any) -> float:
    """Train a short run and return its steps per second."""
    clock = Clock(steps)
    with tempfile.TemporaryDirectory() as folder:
        whole(
            train(
                env, steps=steps, eval_freq=0, save_freq=0, run_dir=Path(folder) / "run", reporter=lambda _: clock,
                **options,
            )
        )  # fmt: skip
    return clock.speed(steps)


def waiting(rows: Rows) -> None:
    """Environments that wait."""
    for actors in ACTORS:
        if rows.has(task="waiting", actors=actors, repeat=0, env=WAITED):
            continue
        steps = int(actors * SECONDS / WAIT)
        found = speed(
            WAITING,
            steps,
            actors=actors,
            num_envs=actors,
            env_kwargs={"seconds": WAIT},
            settings={"update_interval": "32"},
        )
        one = rows.get(task="waiting", actors=1, repeat=0, env=WAITED)
        proportional = found / (actors * (one["steps_per_s"] if one else found))
        rows.add(
            {
                "task": "waiting",
                "actors": actors,
                "repeat": 0,
                "env": WAITED,
                "steps_per_s": found,
                "proportional": proportional,
            }
        )
        print(f"{actors:3} actors  {found:8.1f} steps/s  {proportional:.3f} of proportional", flush=True)


def computing(rows: Rows, steps: int) -> None:
    """Environments that compute, by actors and by workers in turn."""
    for repeat in range(REPEATS):
        for actors in (0, 2):
            if rows.has(task="computing", actors=actors, repeat=repeat, env=COMPUTED):
                continue
            kwargs = PIXELS if actors else PIXELS | {"workers": 2}
            found = speed(COMPUTED, steps, actors=actors, num_envs=8, env_kwargs=kwargs)
            rows.add({"task": "computing", "actors": actors, "repeat": repeat, "env": COMPUTED, "steps_per_s": found})
            print(f"{'2 actors' if actors else 'workers=2'}  {found:8.1f} steps/s", flush=True)
    speeds = {
        actors: [row["steps_per_s"] for row in rows.rows if row["task"] == "computing" and row["actors"] == actors]
        for actors in (0, 2)
    }
    ratios = np.array(speeds[2]) / np.array(speeds[0])
    print(f"actors / workers: {np.median(ratios):.3f} ({', '.join(f'{ratio:.3f}' for ratio in ratios)})")
    rows.write(actors_over_workers=float(np.median(ratios)))


def learning(rows: Rows, envs: Sequence[str], seeds: Sequence[int], folder: Path, budget: int | None) -> None:
    """Learning with two actors beside learning without, resumed where a run was stopped; returns at equal steps."""
    for env, seed, actors in product(envs, seeds, (0, 2)):
        steps, kwargs = LEARNED[env]
        steps = budget or steps
        if rows.has(task="learning", actors=actors, repeat=seed, env=env):
            continue
        run = folder / f"{env.replace('/', '-')}-{steps}-{actors}-s{seed}"
        if (run / "config.json").exists():
            whole(resume(run, reporter=quiet))
        else:
            whole(
                train(
                    env, steps=steps, seed=seed, actors=actors, env_kwargs=kwargs, num_envs=8, run_dir=run,
                    eval_freq=max(1, steps // EVALUATIONS), eval_episodes=EPISODES, reporter=quiet,
                )
            )  # fmt: skip
        record = read_run(run)
        curve = record.curve(REWARD)
        rows.add(
            {
                "task": "learning",
                "actors": actors,
                "repeat": seed,
                "env": env,
                "steps": steps,
                "reward": float(np.mean(curve.values[-LAST:])),
                "evaluated_at": [int(at) for at in curve.steps],
                "returns": [float(value) for value in curve.values],
                "seconds": record.seconds,
            }
        )
        reward = rows.rows[-1]["reward"]
        print(f"{env:18} seed {seed}  {actors} actors  {reward:8.2f}  {record.seconds:6.0f} s", flush=True)
    summaries = {}
    for env in envs:
        for actors in (0, 2):
            found = [row for row in rows.rows if (row["task"], row["env"], row["actors"]) == ("learning", env, actors)]
            figure = interval([row["reward"] for row in found])
            summaries[f"{env}, {actors} actors"] = {
                "iqm": figure.value, "low": figure.low, "high": figure.high, "seeds": len(found)
            }  # fmt: skip
            print(f"{env:18} {actors} actors  {figure.value:.2f} [95 % interval {figure.low:.2f}, {figure.high:.2f}]")
    rows.write(learning=summaries)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["waiting", "computing"], help="waiting, computing, learning")
    parser.add_argument("--envs", nargs="+", default=list(LEARNED)[:1], choices=list(LEARNED), help="for learning")
    parser.add_argument("--seeds", default="0..2", help="for learning")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-actors"), help="where runs of learning lie")
    parser.add_argument("--steps", type=int, default=6000, help="of each run in CarRacing-v3")
    parser.add_argument("--budget", type=int, help="steps of each run of learning")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    rows = Rows(options.json, ("task", "actors", "repeat", "env"), ("ray",))
    if "waiting" in options.tasks:
        waiting(rows)
    if "computing" in options.tasks:
        computing(rows, options.steps)
    if "learning" in options.tasks:
        learning(rows, options.envs, read_seeds(options.seeds), options.folder, options.budget)


if __name__ == "__main__":
    main()
