"""`rlkit demo`: a car that knows nothing learns to drive, and shows it."""

from dataclasses import dataclass

from rlkit.cli.options import print_line
from rlkit.errors import UserError

CIRCUITS = 30  # that the trained driver is measured on
FILMED = 5  # at most, until a lap is finished


@dataclass(frozen=True)
class Demo:
    """Train a driver from nothing, measure it on circuits it never saw, and show it: about two minutes in all."""

    env: str = "rlkit/Driving-v0"
    """Where to learn."""
    seed: int = 0
    """The one number that fixes all randomness."""
    time_limit: float = 75.0
    """Stop training after this many seconds, on a slow machine."""

    def run(self) -> None:
        """Train, measure, show."""
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected a whole number of at least 0")
        from rlkit.policy import evaluate_policy, find_policy
        from rlkit.training.run import train
        from rlkit.viewer import has_display, show, watch

        run = train(self.env, seed=self.seed, time_limit=self.time_limit)
        if run.stopped not in (None, "time limit"):
            return
        who = find_policy(run.path, env=self.env)
        print_line(f"\nMeasuring the driver on {CIRCUITS} circuits that it never saw ...")
        print_line(evaluate_policy(who, episodes=CIRCUITS).summary())
        if has_display():
            print_line("A window opens: space pauses, N takes the next circuit, H lists the keys, Q closes it.")
            with watch.playback(who) as shown:
                show(shown)
        else:
            path = watch.film_path(who)
            print_line(f"There is no display here: recording {path} instead ...")
            watch.film(who, path, episodes=FILMED, until=watch.succeeded)
        print_line(f"\nThe run is in {run.path}. Go on with:")
        print_line(f"  rlkit evaluate {run.path} --episodes 200")
        print_line(f"  rlkit watch {run.path}")
        print_line(f"  tensorboard --logdir {run.path.parent}")
