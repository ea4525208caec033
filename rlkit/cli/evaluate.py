"""`rlkit evaluate`: measure an agent on episodes it never saw."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from rlkit.cli.options import (
    KeyValues,
    PerceptionOption,
    PerceptionOptions,
    check_result_target,
    print_line,
    read_kwargs,
    unset,
    write_result,
)
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.training.evaluation import Evaluation


@dataclass(frozen=True)
class Evaluate:
    """Measure an agent: whole episodes, acted greedily, that it never trained on."""

    who: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WHO")]
    """A run folder, the folder of one checkpoint, or an agent's name (random, expert) with --env."""
    env: Annotated[str | None, unset("ENV")] = None
    """Where to measure; for a run, its own environment if not given."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    perception: PerceptionOption = None
    perception_kwargs: PerceptionOptions = ()
    circuit: Annotated[Path | None, unset("FILE|FOLDER")] = None
    """A scenario's file, or a folder of them: one episode on each (driving: circuits as CSV)."""
    episodes: Annotated[int | None, unset("N")] = None
    """How many episodes (20 if not given; on named circuits one each)."""
    seed: int = 0
    """Which episodes: the same seed measures everybody on the same ones."""
    json: Annotated[str | None, unset("FILE")] = None
    """Write the figures to this file (- for standard output)."""

    def run(self) -> None:
        """Measure, and say what came of it."""
        if self.episodes is not None and self.episodes < 1:
            raise UserError(f"--episodes {self.episodes}: expected a whole number of at least 1")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected a whole number of at least 0")
        check_result_target(self.json)
        result, told = self._measure()
        if self.json != "-":
            print_line(f"{result.agent} in {result.environment}{told}")
            print_line(result.summary(("share", "seconds", "ratio", "number")))
            if result.all_alike:
                print_line("warning: all episodes went alike: one says as much")
        if self.json is not None:
            write_result(self.json, result.to_json())

    def _measure(self) -> tuple["Evaluation", str]:
        from rlkit.policy import evaluate_policy, find_policy

        who = find_policy(
            self.who,
            env=self.env,
            env_kwargs=read_kwargs("--env-kwargs", self.env_kwargs),
            perception=self.perception,
            perception_kwargs=read_kwargs("--perception-kwargs", self.perception_kwargs),
        )
        result = evaluate_policy(who, episodes=self.episodes, seed=self.seed, scenario=self.circuit)
        told = [f"{key}={value}" for key, value in who.environment.kwargs.items()]
        if who.environment.perception is not None:
            told.append(f"perception={who.environment.perception.what}")
        return result, f" ({', '.join(told)})" if told else ""
