"""`rlkit watch`: see an agent act, what it sees and what it thinks."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlkit.cli.options import KeyValues, PerceptionOption, PerceptionOptions, print_line, read_kwargs, unset
from rlkit.errors import UserError

PATIENCE = 600  # s that --live waits for the first checkpoint of a run


@dataclass(frozen=True)
class Watch:
    """Watch an agent in a window, with what it sees and what it thinks; without a display, record a film.

    Keys: space pauses, right arrow steps, up and down change the speed, N next episode, H shows all of them.
    """

    who: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WHO")]
    """A run folder, the folder of one checkpoint, or an agent's name (random, expert) with --env."""
    env: Annotated[str | None, unset("ENV")] = None
    """Where it is to act; for a run, its own environment if not given."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    perception: PerceptionOption = None
    perception_kwargs: PerceptionOptions = ()
    circuit: Annotated[Path | None, unset("FILE|FOLDER")] = None
    """A scenario's file, or a folder of them (driving: circuits as CSV)."""
    seed: int = 0
    """Which episodes: those that `rlkit evaluate` measures with the same seed."""
    live: bool = False
    """Follow a run that is being trained: every episode is acted with its newest checkpoint."""
    record: Annotated[Path | None, unset("FILE")] = None
    """Record a film to this file, .mp4 or .gif, instead of opening a window."""
    episodes: int = 1
    """How many episodes to record."""

    def run(self) -> None:
        """Show the agent."""
        if self.seed < 0 or self.episodes < 1:
            raise UserError("--seed takes a whole number of at least 0, --episodes one of at least 1")
        from rlkit.policy import find_policy
        from rlkit.viewer import has_display, show, watch

        if self.live and self.record is None:
            self._wait_for_a_checkpoint()
        who = find_policy(
            self.who,
            env=self.env,
            env_kwargs=read_kwargs("--env-kwargs", self.env_kwargs),
            perception=self.perception,
            perception_kwargs=read_kwargs("--perception-kwargs", self.perception_kwargs),
        )
        film = self.record
        if film is None and not has_display():
            film = watch.film_path(who)
            print_line(f"there is no display here: recording {film} instead")
        if film is not None:
            watch.film(who, film, seed=self.seed, scenario=self.circuit, episodes=self.episodes)
            return
        with watch.playback(who, seed=self.seed, scenario=self.circuit, live=self.live) as shown:
            show(shown)

    def _wait_for_a_checkpoint(self) -> None:
        """A run that has just begun has nothing to show yet."""
        folder = Path(self.who)
        deadline = time.monotonic() + PATIENCE
        while (folder / "config.json").is_file() and not any((folder / "checkpoints").glob("[0-9]*")):
            if time.monotonic() > deadline:
                raise UserError(f"{folder} has no checkpoint after {PATIENCE} s of waiting", exit_code=1)
            time.sleep(0.5)
