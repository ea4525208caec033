"""Bringing somebody who can act before an audience: a window where there is a display, a film where there is none."""

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
from rlkit.training.checkpoint import Checkpoints
from rlkit.utils.paths import path_inside
from rlkit.viewer import Episode, Playback
from rlkit.viewer.frame import Frame


@contextmanager
def playback(who: PolicySpec, *, seed: int = 0, scenario: Path | None = None, live: bool = False) -> Iterator[Playback]:
    """An agent in one environment, ready to be shown; its episodes are those that `rlkit evaluate` measures.

    Args:
        who: Who acts, and where.
        seed: Which episodes.
        scenario: A file, or a folder of them, for the environment's scenario option: one after the other, over again.
        live: Before each episode, take the newest weights of a run that is being trained.

    Raises:
        UserError: If the environment cannot be drawn, or takes no scenarios.
    """
    with ExitStack() as stack:
        places = [who.environment] if scenario is None else scenarios(who.environment, scenario)
        drawn = [stack.enter_context(make_vec_env(place, 1, render_mode="rgb_array")) for place in places]
        agent = who.agent(drawn[0].spaces, 1)
        stack.enter_context(torch_set_up(agent.threads, deterministic=False))
        names = [""] if scenario is None else [Path(str(list(place.kwargs.values())[-1])).stem for place in places]

        def episodes() -> Iterator[Episode]:
            for number in itertools.count():
                if live and who.config is not None:
                    _take_newest(agent, who)
                index = number % len(drawn)
                named = names[index] or f"episode {number + 1}"
                yield Episode(episode_seed(seed, 0, number, "evaluation"), drawn[index], named)

        yield Playback(drawn[0], agent, episodes(), agent_name=who.name)


def _take_newest(agent: Agent, who: PolicySpec) -> None:
    assert who.checkpoint is not None
    checkpoints = Checkpoints(who.checkpoint.folder.parent.parent)
    checkpoint = checkpoints.newest(lambda _: None)  # one that is being pruned is passed over
    if checkpoint is not None:
        try:
            agent.load_weights(checkpoint.weights())
        except UserError:
            return  # pruned while it was read: the weights at hand are shown once more


def film_path(who: PolicySpec) -> Path:
    """A free name for a film: in the run's own folder, or in `videos/` for agents that come from no run.

    Raises:
        UserError: If the folder cannot be made.
    """
    from rlkit.utils.io import disk_errors

    place = who.checkpoint.folder.parent.parent if who.checkpoint is not None else Path()
    folder = path_inside(place, "videos")
    with disk_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    name = f"{who.name}-{datetime.now():%Y%m%d-%H%M%S}"
    names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
    return next(path for path in (folder / f"{name}.mp4" for name in names) if not path.exists())


def succeeded(frame: Frame) -> bool:
    """Whether an episode that is over counts towards a share of the environment, such as that of finished laps."""
    return any(metric.kind == "share" and bool(metric.value) for metric in frame.metrics.values())


def film(
    who: PolicySpec,
    path: Path,
    *,
    seed: int = 0,
    scenario: Path | None = None,
    episodes: int = 1,
    until: Callable[[Frame], bool] | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Record episodes to a file, .mp4 or .gif.

    Args:
        who: Who acts, and where.
        path: The file to make.
        seed: Which episodes.
        scenario: A file, or a folder of them, for the environment's scenario option.
        episodes: How many, at most.
        until: Told the last moment of each episode; stops when it says so.
        say: Told what was recorded.

    Raises:
        UserError: If the file exists or cannot be written.
    """
    from rlkit.viewer import record

    with playback(who, seed=seed, scenario=scenario) as shown:
        made = record(shown, path, episodes=episodes, until=until)
    say(f"recorded {made.path} ({made.frames} pictures)")
