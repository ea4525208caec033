"""The `rlkit` command line: one file per command, which imports what it needs when it runs."""

import contextlib
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any, Union

from rlkit.cli.disk import disk_failures
from rlkit.errors import UserError
from rlkit.training.signals import OUTPUT as CLOSED_OUTPUT
from rlkit.training.signals import Interrupted, exit_status, interruptible
from rlkit.utils.system import tune_process
from rlkit.utils.terminal import abandon_closed_outputs, is_output_closed, open_closed_outputs, printable

DESCRIPTION = "Train, evaluate and watch reinforcement-learning agents, with autonomous driving at the core."
SUMMARIES = {  # of groups of commands; the others have a docstring
    "perception": "Segmentation of the drivable area in camera images: train, evaluate, predict, export.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    The exit status is 0 for success, 1 for failure, 2 for wrong usage, and 128 + n if signal n ended the command:
    130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, 141 where the output was closed, as by `head`.
    """
    open_closed_outputs()
    message = ""
    status = 0
    try:
        with interruptible(), disk_failures():
            _run(sys.argv[1:] if arguments is None else list(arguments))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        message = end.code if isinstance(end.code, str) else ""
    except UserError as error:
        message, status = printable(error), error.exit_code
    except Interrupted as error:
        message, status = printable(error), 128 + error.number
    except KeyboardInterrupt:
        message, status = "interrupted", 130
    except OSError:
        if not is_output_closed():
            raise
        status = exit_status(CLOSED_OUTPUT)
    if message:
        with contextlib.suppress(OSError):
            print(f"rlkit: {message}", file=sys.stderr)
    if abandon_closed_outputs():
        status = status or exit_status(CLOSED_OUTPUT)
    if status:
        sys.exit(status)


def _run(arguments: list[str]) -> None:
    import tyro

    from rlkit.cli.hints import hints
    from rlkit.cli.options import registry

    tune_process()
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    if arguments == ["--version"]:
        print(f"rlkit {version('rlkit-toolkit')}")
        return
    try:
        with registry():
            verb: Any = tyro.cli(
                _one_of(_verbs()),
                prog="rlkit",
                description=DESCRIPTION,
                args=arguments,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if stop.code == 2:
            for hint in hints(arguments, _verbs()):
                print(hint, file=sys.stderr)
        raise
    verb.run()


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
    from rlkit.cli.pretrained import Pretrained
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
        "pretrained": Pretrained,
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
