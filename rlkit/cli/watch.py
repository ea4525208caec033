"""`rlkit watch`: show a policy in a window, or record it."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from rlkit.cli.options import KeyValues, PerceptionOption, PerceptionOptions, print_line, read_kwargs, unset
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.commentary.narrator import Narrator

PATIENCE = 600  # s that --live waits for the first checkpoint of a run


@dataclass(frozen=True)
class Watch:
    """Watch a policy in a window, with its observations and Q-values; without a display, record a video.

    Keys: space pauses, right arrow steps, up and down change the speed, N next episode, H shows all of them.
    """

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
    """A scenario file, or a folder of them (driving: circuits as CSV)."""
    seed: int = 0
    """Seed of the episodes: the same as those of `rlkit evaluate`."""
    live: bool = False
    """Follow a run in training: each episode uses its newest checkpoint."""
    record: Annotated[Path | None, unset("FILE")] = None
    """Record a video to this file, .mp4 or .gif, instead of opening a window."""
    episodes: int = 1
    """Number of episodes to record."""
    seconds: Annotated[float | None, unset("S")] = None
    """Simulated seconds to record, at most."""
    commentary: Annotated[str | None, unset("SOURCE")] = None
    """Say under the scene what the car does and why, in a recording also as subtitles (.srt): truth (English) or
    truth-ko (Korean) from the simulator's state, or a captioner: pretrained:commentary-en or -ko, a run, a file."""

    def run(self) -> None:
        """Show the policy."""
        for option, number, least in (("seed", self.seed, 0), ("episodes", self.episodes, 1)):
            if number < least:
                raise UserError(f"--{option} {number}: expected a whole number of at least {least}")
        if self.seconds is not None and not 0.0 < self.seconds < math.inf:
            raise UserError(f"--seconds {self.seconds:g}: expected a number greater than 0")
        from rlkit.policy import find_policy
        from rlkit.viewer import has_display, show, watch

        if self.live and self.record is None:
            self._wait_for_a_checkpoint()
        spec = find_policy(
            self.policy,
            env=self.env,
            env_kwargs=read_kwargs("--env-kwargs", self.env_kwargs),
            perception=self.perception,
            perception_kwargs=read_kwargs("--perception-kwargs", self.perception_kwargs),
        )
        if self.live and (spec.trained is None or spec.trained.run is None):
            raise UserError(f"--live follows a run in training, and {self.policy} is none: leave it out")
        narrator = self._narrator()
        film = self.record
        if film is None and not has_display():
            film = watch.video_path(spec)
            print_line(f"no display: recording {film} instead")
        if film is not None:
            watch.record_video(
                spec,
                film,
                seed=self.seed,
                scenario=self.scenario,
                episodes=self.episodes,
                seconds=self.seconds,
                narrator=narrator,
            )
            return
        with watch.playback(spec, seed=self.seed, scenario=self.scenario, live=self.live, narrator=narrator) as shown:
            show(shown)

    def _narrator(self) -> "Narrator | None":
        if self.commentary is None:
            return None
        from rlkit.commentary.narrator import Narrator
        from rlkit.commentary.writers import find_writer
        from rlkit.viewer.theme import hangul_font_file

        writer = find_writer(self.commentary)
        if writer.grammar.language == "ko":
            hangul_font_file()  # refuses where there is none
        return Narrator(writer)

    def _wait_for_a_checkpoint(self) -> None:
        """Wait for the first checkpoint of a run that has just started."""
        folder = Path(self.policy)
        deadline = time.monotonic() + PATIENCE
        while (folder / "config.json").is_file() and not any((folder / "checkpoints").glob("[0-9]*")):
            if time.monotonic() > deadline:
                raise UserError(f"{folder} has no checkpoint after {PATIENCE} s of waiting", exit_code=1)
            time.sleep(0.5)
