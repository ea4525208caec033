"""`rlkit demo`: train a driver, evaluate it and show it."""

import sys
from dataclasses import dataclass

from rlkit.cli.options import print_line
from rlkit.errors import UserError

CIRCUITS = 30  # of the evaluation
FILMED = 5  # at most, until a lap is finished


@dataclass(frozen=True)
class Demo:
    """Train a driver from scratch, evaluate it on unseen circuits, and show it: about two minutes in all."""

    env: str = "rlkit/Driving-v0"
    """The environment."""
    seed: int = 0
    """Random seed."""
    time_limit: float = 75.0
    """Stop training after this many seconds, on slow machines."""

    def run(self) -> None:
        """Train, evaluate, show."""
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected a whole number of at least 0")
        from rlkit.policy import evaluate_policy, find_policy
        from rlkit.training.run import train
        from rlkit.training.signals import exit_status
        from rlkit.viewer import has_display, show, watch

        run = train(self.env, seed=self.seed, time_limit=self.time_limit)
        if exit_status(run.stopped):
            sys.exit(exit_status(run.stopped))
        spec = find_policy(run.path, env=self.env)
        print_line(f"\nEvaluating the driver on {CIRCUITS} unseen circuits ...")
        print_line(evaluate_policy(spec, episodes=CIRCUITS).summary())
        if has_display():
            print_line("A window opens: space pauses, N is the next circuit, H lists the keys, Q closes it.")
            with watch.playback(spec) as shown:
                show(shown)
        else:
            path = watch.video_path(spec)
            print_line(f"No display: recording {path} instead ...")
            watch.record_video(spec, path, episodes=FILMED, until=watch.succeeded)
        print_line(f"\nThe run is in {run.path}. Next:")
        print_line(f"  rlkit evaluate {run.path} --episodes 200")
        print_line(f"  rlkit watch {run.path}")
        print_line(f"  tensorboard --logdir {run.path.parent}")
