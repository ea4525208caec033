"""`rlkit play`: play an environment with keyboard or gamepad."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlkit.cli.options import KeyValues, read_kwargs, unset
from rlkit.errors import UserError


@dataclass(frozen=True)
class Play:
    """Play an environment with keyboard or gamepad, against the ghost of your best attempt.

    Keys: those of the environment (arrows or WASD where it drives); P pauses, R begins again, N next, H shows all.
    """

    env: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ENV")]
    """The environment: any with get_keys_to_action or gamepad_axes."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    perception: Annotated[str | None, unset("RUN|FILE|truth")] = None
    """Show the drivable area that a perception run, a model file or pretrained:NAME segments in the camera image (for
    instance in rlkit/DrivingCamera-v0)."""
    perception_kwargs: KeyValues = ()
    """Options of perception, such as noise=0.1, latency=2, dropped=0.2."""
    scenario: Annotated[Path | None, unset("FILE|FOLDER")] = None
    """A scenario file, or a folder of them (driving: circuits as CSV)."""
    seed: Annotated[int | None, unset("S")] = None
    """Seed of the first episode (driving: the circuit's number); 0 if not given."""
    episodes: Annotated[int | None, unset("N")] = None
    """Close the window after this many episodes."""
    scores: Annotated[Path | None, unset("FILE")] = None
    """Save the best attempts in this file, from which later ghosts are read (created if missing)."""
    record: Annotated[Path | None, unset("FILE")] = None
    """Record a video to this file, .mp4 or .gif."""

    def run(self) -> None:
        """Open the window."""
        if self.seed is not None and self.seed < 0:
            raise UserError(f"--seed {self.seed}: expected a whole number of at least 0")
        if self.episodes is not None and self.episodes < 1:
            raise UserError(f"--episodes {self.episodes}: expected a whole number of at least 1")
        from rlkit.env.config import EnvConfig
        from rlkit.viewer import play
        from rlkit.viewer.play_session import places_of, with_advice
        from rlkit.viewer.scores import BestFile

        bests = BestFile(self.scores)
        asked = EnvConfig(self.env, read_kwargs("--env-kwargs", self.env_kwargs)).seen_by(
            self.perception, read_kwargs("--perception-kwargs", self.perception_kwargs)
        )
        config = with_advice(asked)
        advised = [f"{key}={value}" for key, value in config.kwargs.items() if key not in asked.kwargs]
        if advised:
            print(f"{self.env} with {', '.join(advised)}, as the environment recommends; --env-kwargs overrides")
        first = self.seed or 0
        done = play(
            places_of(config, self.scenario),
            (lambda turn: first + turn) if self.scenario is None else (lambda _: first),
            bests=bests,
            record=self.record,
            episodes=self.episodes,
        )
        finished = sum(attempt.succeeded for attempt in done)
        print(f"{len(done)} attempts, {finished} of them finished")
