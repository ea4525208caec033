"""The `rlkit` command: one file per verb.

Only what a verb needs is imported when it runs, so that help and errors of usage come at once.
"""

import logging
import sys
from collections.abc import Sequence

from rlkit.errors import UserError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with 0, 1 (it failed) or 2 (it was used wrongly)."""
    import tyro

    from rlkit.cli.agents import Agents
    from rlkit.cli.demo import Demo
    from rlkit.cli.envs import Envs
    from rlkit.cli.evaluate import Evaluate
    from rlkit.cli.play import Play
    from rlkit.cli.plot import Plot
    from rlkit.cli.report import Report
    from rlkit.cli.train import Train
    from rlkit.cli.tune import Tune
    from rlkit.cli.watch import Watch

    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    verb = tyro.extras.subcommand_cli_from_dict(
        {
            "train": Train,
            "evaluate": Evaluate,
            "watch": Watch,
            "play": Play,
            "report": Report,
            "plot": Plot,
            "tune": Tune,
            "demo": Demo,
            "envs": Envs,
            "agents": Agents,
        },
        prog="rlkit",
        description="Train agents, watch them, measure them: reinforcement learning with driving at its heart.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    try:
        verb.run()
    except UserError as error:
        print(f"rlkit: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("rlkit: interrupted", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        sys.stderr.close()
        sys.exit(0)
