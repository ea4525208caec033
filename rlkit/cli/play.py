"""`rlkit play`: a person takes the wheel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlkit.cli.options import KeyValues, read_kwargs, unset
from rlkit.errors import UserError


@dataclass(frozen=True)
class Play:
    """Play an environment yourself, with the keyboard or a gamepad, against the ghost of your best attempt.

    Keys: those of the environment (arrows or WASD where it drives); P pauses, R begins again, N next, H shows all.
    """

    env: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ENV")]
    """What to play: any environment that says which keys play it (get_keys_to_action)."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    perception: Annotated[str | None, unset("RUN|FILE|truth")] = None
    """Show beside the game what a perception run, a model's file or pretrained:NAME finds drivable in the camera's
    picture (for instance in rlkit/DrivingCamera-v0)."""
    perception_kwargs: KeyValues = ()
    """How it is seen, such as noise=0.1, latency=2, dropped=0.2."""
    circuit: Annotated[Path | None, unset("FILE|FOLDER")] = None
    """A scenario's file, or a folder of them (driving: circuits as CSV)."""
    seed: Annotated[int | None, unset("S")] = None
    """Which episode comes first (driving: the circuit's number); 0 if not given."""
    episodes: Annotated[int | None, unset("N")] = None
    """Close the window after so many attempts."""
    best: Annotated[Path | None, unset("FILE")] = None
    """Keep the best attempts in this file, so that the ghost is there next time (made if it is missing)."""
    record: Annotated[Path | None, unset("FILE")] = None
    """Record a film of it all to this file, .mp4 or .gif."""

    def run(self) -> None:
        """Open the window."""
        if self.seed is not None and self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected a whole number of at least 0")
        if self.episodes is not None and self.episodes < 1:
            raise UserError(f"--episodes {self.episodes}: expected a whole number of at least 1")
        from rlkit.env.config import EnvConfig
        from rlkit.viewer import play
        from rlkit.viewer.game import places_of, with_advice
        from rlkit.viewer.scores import BestFile

        bests = BestFile(self.best)
        asked = EnvConfig(self.env, read_kwargs("--env-kwargs", self.env_kwargs)).seen_by(
            self.perception, read_kwargs("--perception-kwargs", self.perception_kwargs)
        )
        config = with_advice(asked)
        advised = [f"{key}={value}" for key, value in config.kwargs.items() if key not in asked.kwargs]
        if advised:
            print(f"{self.env} with {', '.join(advised)}, as it advises; --env-kwargs changes that")
        first = self.seed or 0
        done = play(
            places_of(config, self.circuit),
            (lambda turn: first + turn) if self.circuit is None else (lambda _: first),
            bests=bests,
            record=self.record,
            episodes=self.episodes,
        )
        finished = sum(attempt.succeeded for attempt in done)
        print(f"{len(done)} attempts, {finished} of them finished")
