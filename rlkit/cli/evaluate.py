"""`rlkit evaluate`: evaluate a policy on episodes that it was not trained on."""

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
    from rlkit.policy import PolicySpec
    from rlkit.training.evaluation import Evaluation


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a policy: greedy actions, whole episodes that it was not trained on."""

    policy: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """A run folder, the folder of one checkpoint, pretrained:NAME (`rlkit pretrained` lists them), or an agent's name
    (random, expert) with --env."""
    env: Annotated[str | None, unset("ENV")] = None
    """The environment; for a trained agent, that of its training if not given."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    perception: PerceptionOption = None
    perception_kwargs: PerceptionOptions = ()
    scenario: Annotated[Path | None, unset("FILE|FOLDER")] = None
    """A scenario file, or a folder of them, all read first: one episode on each (driving: circuits as CSV)."""
    episodes: Annotated[int | None, unset("N")] = None
    """Number of episodes (20 if not given; one for each scenario)."""
    seed: int = 0
    """Seed of the episodes: the same seed gives every policy the same ones."""
    json: Annotated[str | None, unset("FILE")] = None
    """Write the metrics to this file (- for standard output)."""

    def run(self) -> None:
        """Evaluate, and print the metrics."""
        if self.episodes is not None and self.episodes < 1:
            raise UserError(f"--episodes {self.episodes}: expected a whole number of at least 1")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected a whole number of at least 0")
        check_result_target(self.json)
        spec, result = self._evaluate()
        arguments = _arguments(spec)
        if self.json != "-":
            print_line(f"{result.agent} in {result.environment}{arguments}")
            if self.scenario is not None:
                from rlkit.training.evaluation import describe_scenarios

                for line in describe_scenarios(result):
                    print_line(line)
            print_line(result.summary(("share", "seconds", "ratio", "number")))
            if result.all_alike:
                print_line(f"warning: all {result.episodes} evaluation episodes were identical; one is enough")
        if self.json is not None:
            asked = {
                "seed": self.seed,
                "num_episodes": len(result.episodes),
                "scenario": None if self.scenario is None else str(self.scenario),
            }
            write_result(self.json, {**result.to_json(), **asked, **spec.to_json()})

    def _evaluate(self) -> tuple["PolicySpec", "Evaluation"]:
        from rlkit.policy import evaluate_policy, find_policy

        spec = find_policy(
            self.policy,
            env=self.env,
            env_kwargs=read_kwargs("--env-kwargs", self.env_kwargs),
            perception=self.perception,
            perception_kwargs=read_kwargs("--perception-kwargs", self.perception_kwargs),
        )
        return spec, evaluate_policy(spec, episodes=self.episodes, seed=self.seed, scenario=self.scenario)


def _arguments(spec: "PolicySpec") -> str:
    """The environment's arguments in parentheses; empty without any."""
    arguments = [f"{key}={value}" for key, value in spec.environment.kwargs.items()]
    if spec.environment.perception is not None:
        arguments.append(f"perception={spec.environment.perception.what}")
    return f" ({', '.join(arguments)})" if arguments else ""
