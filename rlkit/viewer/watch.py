"""Play back a policy, for a window or a video."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from rlkit.agent import Agent
from rlkit.env.make import make_vec_env
from rlkit.env.seeding import episode_seed
from rlkit.errors import UserError
from rlkit.nn.utils import torch_set_up
from rlkit.policy import PolicySpec, scenarios
from rlkit.spaces import Spaces
from rlkit.training.checkpoint import Checkpoints
from rlkit.utils.paths import path_inside
from rlkit.viewer import Episode, Playback
from rlkit.viewer.frame import Frame
from rlkit.viewer.playback import Narrator


@contextmanager
def playback(
    spec: PolicySpec,
    *,
    seed: int = 0,
    scenario: Path | None = None,
    live: bool = False,
    narrator: Narrator | None = None,
) -> Iterator[Playback]:
    """A playback of a policy in the episodes that `rlkit evaluate` measures, without end.

    Args:
        spec: The policy and its environment.
        seed: Selects the episodes.
        scenario: A file, or a folder of them, for the environment's scenario option; they are repeated in order.
        live: Before each episode, load the newest weights of a run that is being trained.
        narrator: Writes a commentary; None for none.

    Raises:
        UserError: The environment cannot be rendered, takes no scenarios, or has no facts for a commentary.
    """
    with ExitStack() as stack:
        places = [spec.environment] if scenario is None else scenarios(spec.environment, scenario)
        drawn = [stack.enter_context(make_vec_env(place, 1, render_mode="rgb_array")) for place in places]
        agent = _live_agent(spec, drawn[0].spaces) if live else spec.agent(drawn[0].spaces, 1)
        stack.enter_context(torch_set_up(agent.threads, deterministic=False))
        names = [""] if scenario is None else [Path(str(list(place.kwargs.values())[-1])).stem for place in places]

        def episodes() -> Iterator[Episode]:
            for number in itertools.count():
                if live and spec.trained is not None and spec.trained.run is not None:
                    _load_newest_weights(agent, spec.trained.run)
                index = number % len(drawn)
                named = names[index] or f"episode {number + 1}"
                yield Episode(episode_seed(seed, 0, number, "evaluation"), drawn[index], named)

        yield Playback(drawn[0], agent, episodes(), agent_name=spec.name, narrator=narrator)


def _live_agent(spec: PolicySpec, spaces: Spaces) -> Agent:
    """The agent of a run that is being trained: where its checkpoint was deleted meanwhile, that of the newest one."""
    try:
        return spec.agent(spaces, 1)
    except UserError:
        trained = spec.trained
        if trained is None or trained.run is None or trained.file.exists():
            raise
        newest = Checkpoints(trained.run).newest(lambda _: None, replay=False)
        if newest is None:
            raise
        return _live_agent(dataclasses.replace(spec, trained=trained.at(newest)), spaces)


def _load_newest_weights(agent: Agent, run: Path) -> None:
    checkpoint = Checkpoints(run).newest(lambda _: None, replay=False)  # skips one that is being deleted
    if checkpoint is not None:
        try:
            agent.load_weights(checkpoint.weights())
        except UserError:
            return  # deleted while it was read: the present weights are used once more


def video_path(spec: PolicySpec) -> Path:
    """An unused file name for a video, in `videos/` in the run folder, or here for an agent that comes from no run.

    Raises:
        UserError: The folder cannot be made.
    """
    from rlkit.utils.io import disk_errors

    run = None if spec.trained is None else spec.trained.run
    place = Path() if run is None else run
    folder = path_inside(place, "videos")
    with disk_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    name = f"{spec.name}-{datetime.now():%Y%m%d-%H%M%S}"
    names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
    return next(path for path in (folder / f"{name}.mp4" for name in names) if not path.exists())


def succeeded(frame: Frame) -> bool:
    """Whether a completed episode counts as a success by a metric of kind "share", such as finished laps."""
    return any(metric.kind == "share" and bool(metric.value) for metric in frame.metrics.values())


def record_video(
    spec: PolicySpec,
    path: Path,
    *,
    seed: int = 0,
    scenario: Path | None = None,
    episodes: int = 1,
    seconds: float | None = None,
    narrator: Narrator | None = None,
    until: Callable[[Frame], bool] | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Record episodes to a file, .mp4 or .gif.

    Args:
        spec: The policy and its environment.
        path: The file to make.
        seed: Selects the episodes.
        scenario: A file, or a folder of them, for the environment's scenario option.
        episodes: How many, at most.
        seconds: Simulated seconds, at most; None for all of the episodes.
        narrator: Writes a commentary, also into a file of subtitles, .srt; None for none.
        until: Called with the last frame of each episode; recording stops when it returns True.
        say: Called with a line about the result.

    Raises:
        UserError: The file exists or cannot be written.
    """
    from rlkit.viewer import record

    with playback(spec, seed=seed, scenario=scenario, narrator=narrator) as shown:
        made = record(shown, path, episodes=episodes, seconds=seconds, until=until, subtitles=narrator is not None)
    say(f"recorded {made.path} ({made.frames} pictures)")
