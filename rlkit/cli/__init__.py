"""The `rlkit` command line: one file per command, which imports what it needs when it runs."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Union

from rlkit.errors import UserError
from rlkit.utils.terminal import printable

SUMMARIES = {  # of groups of commands; the others have a docstring
    "perception": "Segmentation of the drivable area in camera images: train, evaluate, predict, export.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit status 0 for success, 1 for failure, 2 for wrong usage."""
    import tyro

    # Limits the spinning of waiting OpenMP threads, which blocks a core that another process shares. Read by libgomp
    # when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    verb: Any = tyro.cli(
        _one_of(_verbs()),
        prog="rlkit",
        description="Train, evaluate and watch reinforcement-learning agents, with autonomous driving at the core.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    try:
        verb.run()
    except UserError as error:
        print(f"rlkit: {printable(error)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("rlkit: interrupted", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, closed it
        sys.stderr.close()
        sys.exit(0)


def _verbs() -> dict[str, Any]:
    """The commands of `rlkit`."""
    from rlkit.cli.agents import Agents
    from rlkit.cli.check import Check
    from rlkit.cli.demo import Demo
    from rlkit.cli.envs import Envs
    from rlkit.cli.evaluate import Evaluate
    from rlkit.cli.new import NewAgent, NewEnv
    from rlkit.cli.perception import perception_verbs
    from rlkit.cli.play import Play
    from rlkit.cli.plot import Plot
    from rlkit.cli.report import Report
    from rlkit.cli.train import Train
    from rlkit.cli.tune import Tune
    from rlkit.cli.watch import Watch

    return {
        "train": Train,
        "evaluate": Evaluate,
        "watch": Watch,
        "play": Play,
        "report": Report,
        "plot": Plot,
        "tune": Tune,
        "demo": Demo,
        "perception": perception_verbs(),
        "envs": Envs,
        "agents": Agents,
        "check": Check,
        "new-env": NewEnv,
        "new-agent": NewAgent,
    }


def _one_of(verbs: dict[str, Any]) -> Any:
    """The union type of commands, each a dataclass with a `run`, or a dict: a group of commands."""
    import tyro

    choices = []
    for name, verb in verbs.items():
        summary = SUMMARIES.get(name)
        kind = _one_of(verb) if isinstance(verb, dict) else verb
        choices.append(Annotated[kind, tyro.conf.subcommand(name=name, description=summary)])
    return Union[tuple(choices)]  # noqa: UP007 - built at run time
