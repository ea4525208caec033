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
from rlkit.training.progress import PlainReporter
from rlkit.training.run import resume, train

WAITING = f"{Path(__file__).parents[2] / 'tests/rlkit/training/waiting.py'}:Waiting"
WAITED, COMPUTED = "Waiting", "CarRacing-v3"  # names of the environments in the rows
ACTORS = (1, 2, 4, 8, 16, 32)
SECONDS = 40  # of each run with environments that wait
WAIT = 0.02  # s
PIXELS = {"continuous": False, "frame_skip": 4, "grayscale": True, "resize": 42, "frame_stack": 4}
REPEATS = 3
LEARNED = {"LunarLander-v3": 120_000, "rlkit/Driving-v0": 150_000, "rlkit/Duel-v0": 300_000, "ALE/Pong-v5": 400_000}
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


def learning(rows: Rows, envs: Sequence[str], seeds: Sequence[int], folder: Path) -> None:
    """Learning with two actors beside learning without."""
    for env, seed, actors in product(envs, seeds, (0, 2)):
        if rows.has(task="learning", actors=actors, repeat=seed, env=env):
            continue
        run = folder / f"{env.replace('/', '-')}-{actors}-s{seed}"
        if (run / "config.json").exists():
            whole(resume(run, reporter=quiet))
        else:
            whole(train(env, steps=LEARNED[env], seed=seed, actors=actors, run_dir=run, reporter=quiet))
        record = read_run(run)
        reward = float(np.mean(record.curve(REWARD).values[-LAST:]))
        rows.add(
            {
                "task": "learning",
                "actors": actors,
                "repeat": seed,
                "env": env,
                "reward": reward,
                "seconds": record.seconds,
            }
        )
        print(f"{env:18} seed {seed}  {actors} actors  {reward:8.2f}  {record.seconds:6.0f} s", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["waiting", "computing"], help="waiting, computing, learning")
    parser.add_argument("--envs", nargs="+", default=list(LEARNED)[:2], choices=list(LEARNED), help="for learning")
    parser.add_argument("--seeds", default="0..2", help="for learning")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-actors"), help="where runs of learning lie")
    parser.add_argument("--steps", type=int, default=6000, help="of each run in CarRacing-v3")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    rows = Rows(options.json, ("task", "actors", "repeat", "env"), ("ray",))
    if "waiting" in options.tasks:
        waiting(rows)
    if "computing" in options.tasks:
        computing(rows, options.steps)
    if "learning" in options.tasks:
        learning(rows, options.envs, read_seeds(options.seeds), options.folder)


if __name__ == "__main__":
    main()
