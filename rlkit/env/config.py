"""The description of an environment that a run stores, and the options that rlkit adds to an environment's own.

Options are typed among the environment's own arguments (`--env-kwargs frame_skip=4 grayscale=true resize=84 workers=4
unrewarded_limit=25`), as Gymnasium does with `max_episode_steps`. An environment that takes an argument of the same
name gets it itself. Evaluations play every episode to its own end: what ends episodes early holds for training only.
"""

import dataclasses
import json
import reprlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from rlkit.env.actions import BINS, MIRROR, Bins, read_bins, read_mirror_actions
from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig, choose_perception
from rlkit.utils.parsing import did_you_mean

MOST_FRAMES = 64  # in a stack, or skipped; more is a mistake in typing
LARGEST_SIDE = 4096  # pixels
MOST_STACKED = 2**24  # pixels of all frames in a stack: one of 4096×4096, or 64 of 512×512

MOST_WORKERS = 128  # processes, which take 25 MB each before they have an environment; more is a mistake in typing
SHORTEST = 1e-3  # seconds that can be waited for
LONGEST = 1e6  # eleven days; 0 is longer

MOST_UNREWARDED = 1_000_000  # steps; more is a mistake in typing

# Arguments of gymnasium.make and make_vec that are ours to set.
RESERVED_KWARGS = frozenset(
    {
        "autoreset_mode",
        "disable_env_checker",
        "id",
        "num_envs",
        "render_mode",
        "vector_kwargs",
        "vectorization_mode",
        "wrappers",
    }
)


@dataclass(frozen=True)
class FrameOptions:
    """What to make of an environment's frames, in the order in which it happens.

    Args:
        frame_skip: Steps of the environment per action; their rewards are summed.
        grayscale: Whether pictures in three colours become grey (luma of ITU-R BT.601).
        resize: Height and width that pictures are brought to, each pixel the mean over the area that it covers.
        frame_stack: How many frames of a picture lie behind each other; None chooses by
            `observations.default_frame_stack`.

    Raises:
        UserError: A value is of the wrong kind or out of range.
    """

    frame_skip: int = 1
    grayscale: bool = False
    resize: tuple[int, int] | None = None
    frame_stack: int | None = None

    def __post_init__(self) -> None:
        stack = 1 if self.frame_stack is None else self.frame_stack
        for name, value in (("frame_skip", self.frame_skip), ("frame_stack", stack)):
            if type(value) is not int or not 1 <= value <= MOST_FRAMES:
                raise UserError(f"{name} is a whole number from 1 to {MOST_FRAMES}, not {reprlib.repr(value)}.")
        if not isinstance(self.grayscale, bool):
            raise UserError(f"grayscale is true or false, not {reprlib.repr(self.grayscale)}.")
        if self.resize is not None:
            height, width = _size(self.resize)
            object.__setattr__(self, "resize", (height, width))
            if stack * height * width > MOST_STACKED:
                raise UserError(
                    f"{stack} frames of {height}×{width} (height × width) are {stack * height * width:,} pixels; at "
                    f"most {MOST_STACKED:,} can be seen at once. Choose a smaller resize or frame_stack."
                )


FRAME_NAMES = tuple(field.name for field in dataclasses.fields(FrameOptions))


def _size(size: Any) -> tuple[int, int]:
    """Height and width; one number for both."""
    sides = size if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= LARGEST_SIDE for side in sides):
        raise UserError(
            f"resize is a number of pixels from 1 to {LARGEST_SIDE}, or a height and a width as [84,96], not "
            f"{reprlib.repr(size)}."
        )
    return sides[0], sides[1]


@dataclass(frozen=True)
class SteppingOptions:
    """How single environments are stepped.

    Args:
        workers: Processes that they are shared out to; 0 steps them in this one.
        step_timeout: Seconds that making, resetting or stepping one environment may take; 0 for no limit.

    Raises:
        UserError: A value is of the wrong kind or out of range.
    """

    workers: int = 0
    step_timeout: float = 60.0

    def __post_init__(self) -> None:
        if type(self.workers) is not int or not 0 <= self.workers <= MOST_WORKERS:
            raise UserError(
                f"workers is a whole number of processes from 0 (none of their own) to {MOST_WORKERS}, "
                f"not {reprlib.repr(self.workers)}."
            )
        seconds = self.step_timeout
        if type(seconds) not in (int, float) or not (seconds == 0 or SHORTEST <= seconds <= LONGEST):
            raise UserError(
                f"step_timeout is a number of seconds from {SHORTEST:g} to {LONGEST:,.0f}, or 0 for no limit, "
                f"not {reprlib.repr(seconds)}."
            )


STEPPING_NAMES = tuple(field.name for field in dataclasses.fields(SteppingOptions))


@dataclass(frozen=True)
class EpisodeOptions:
    """What ends an episode early.

    Args:
        unrewarded_limit: So many steps in a row without a reward above zero end it like a failure, after which nothing
            more is to be had; 0 for no limit. A car that lies in a ditch, or drives round the wrong way, teaches
            nothing for the rest of its time, and that it ends there teaches to keep off.

    Raises:
        UserError: A value is of the wrong kind or out of range.
    """

    unrewarded_limit: int = 0

    def __post_init__(self) -> None:
        if type(self.unrewarded_limit) is not int or not 0 <= self.unrewarded_limit <= MOST_UNREWARDED:
            raise UserError(
                f"unrewarded_limit is a whole number of steps from 0 (no limit) to {MOST_UNREWARDED:,}, "
                f"not {reprlib.repr(self.unrewarded_limit)}."
            )


EPISODE_NAMES = tuple(field.name for field in dataclasses.fields(EpisodeOptions))


OPTION_NAMES = (
    *FRAME_NAMES,
    BINS,
    MIRROR,
    *STEPPING_NAMES,
    *EPISODE_NAMES,
)


@dataclass(frozen=True)
class SplitArguments:
    """Arguments that were typed together, by what they are for.

    Args:
        theirs: The environment's own.
        ours: Names of rlkit's that were typed.
        bins: How many values each axis of continuous actions is given; None where nothing was typed.
        mirrored: Which action does the same to the other side, for each; None where nothing was typed.
        frames: What to make of its frames.
        stepping: How it is stepped.
        episodes: What ends its episodes early.
    """

    theirs: dict[str, Any]
    ours: tuple[str, ...]
    bins: Bins | None
    mirrored: tuple[int, ...] | None
    frames: FrameOptions
    stepping: SteppingOptions
    episodes: EpisodeOptions


def split_arguments(
    kwargs: Mapping[str, Any], accepted: Callable[[], Collection[str]], frame_stack: int | None = None
) -> SplitArguments:
    """Take rlkit's arguments out of those that were typed.

    Args:
        kwargs: As they were typed.
        accepted: Gives the names of arguments that the environment takes itself; asked only where it matters, because
            that imports its code.
        frame_stack: How many frames to stack where `kwargs` do not say.

    Raises:
        UserError: A value of ours is of the wrong kind or out of range.
    """
    ours = {name: value for name, value in kwargs.items() if name in OPTION_NAMES}
    if ours:
        own = accepted()
        ours = {name: value for name, value in ours.items() if name not in own}
    bins, mirrored = BINS, MIRROR
    return SplitArguments(
        theirs={name: value for name, value in kwargs.items() if name not in ours},
        ours=tuple(ours),
        bins=read_bins(ours[bins]) if bins in ours else None,
        mirrored=read_mirror_actions(ours[mirrored]) if mirrored in ours else None,
        frames=FrameOptions(**{"frame_stack": frame_stack, **_those_named(FRAME_NAMES, ours)}),
        stepping=SteppingOptions(**_those_named(STEPPING_NAMES, ours)),
        episodes=EpisodeOptions(**_those_named(EPISODE_NAMES, ours)),
    )


def _those_named(names: Collection[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name in names}


@dataclass(frozen=True)
class EnvConfig:
    """Everything that is needed to make the same environment again; it is stored in the run.

    Args:
        id: `CartPole-v1`, `my_pkg.module:MyEnv-v0`, `my_pkg.module:MyEnv` or `path/to/file.py:MyEnv`.
        kwargs: Arguments of the environment; JSON values only. `max_episode_steps` limits the episodes of any, and
            those of `FrameOptions` and `SteppingOptions` say what to make of its frames
            and how it is stepped.
        frame_stack: How many frames of a picture lie behind each other; None chooses by
            `observations.default_frame_stack`. `VecEnv.config` holds the number that was chosen.
        perception: What replaces the camera's picture; None where it is seen as it is.
    """

    id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    frame_stack: int | None = None
    perception: PerceptionConfig | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str):
            raise UserError(f"An environment's id is a text such as CartPole-v1, not {self.id!r}.")
        if not isinstance(self.kwargs, Mapping) or not all(isinstance(key, str) for key in self.kwargs):
            raise UserError(f"An environment's arguments are names with values, not {self.kwargs!r}.")
        reserved = sorted(RESERVED_KWARGS & set(self.kwargs))
        if reserved:
            raise UserError(f"The environment's argument {reserved[0]!r} is set by rlkit: leave it out.")
        try:
            plain = json.loads(json.dumps(dict(self.kwargs), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise UserError(
                f"An environment's arguments have to be JSON values (numbers, texts, lists ...) so that the run can "
                f"store them: {error}."
            ) from error
        object.__setattr__(self, "kwargs", plain)
        FrameOptions(frame_stack=self.frame_stack)  # refuses what cannot be

    @property
    def code(self) -> str | None:
        """The module or file that has to be imported to make it; None for environments that packages register."""
        return code_of(self.id)

    def with_kwargs(self, kwargs: Mapping[str, Any]) -> "EnvConfig":
        """The same with these arguments; where both have one, the new one holds."""
        return replace(self, kwargs={**self.kwargs, **kwargs})

    def with_defaults(self, kwargs: Mapping[str, Any]) -> "EnvConfig":
        """The same with these arguments where it has none of its own."""
        return replace(self, kwargs={**kwargs, **self.kwargs})

    def seen_by(
        self, perception: str | Path | PerceptionConfig | None, options: Mapping[str, Any] | None = None
    ) -> "EnvConfig":
        """The same with other perception.

        Args:
            perception: As `perception.config.choose_perception` takes it, or a whole description.
            options: Of perception, those that differ.

        Raises:
            UserError: There is no such model or option, or a value cannot be.
        """
        base = self.perception
        if isinstance(perception, PerceptionConfig):
            base, perception = perception, None
        return replace(self, perception=choose_perception(perception, options, base))

    def located(self, folder: Path) -> "EnvConfig":
        """The same, with the file of perception's model looked for from a folder where its path is relative."""
        return self if self.perception is None else replace(self, perception=self.perception.located(folder))

    def to_json(self) -> dict[str, Any]:
        """Give a tree that `json.dumps` takes."""
        perception = None if self.perception is None else self.perception.to_json()
        return {"id": self.id, "kwargs": dict(self.kwargs), "frame_stack": self.frame_stack, "perception": perception}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            UserError: The tree is not of that form.
        """
        if not isinstance(tree, Mapping) or "id" not in tree:
            raise UserError(f"The description of an environment should be a dict with an 'id', not {tree!r}.")
        names = [known.name for known in fields(cls)]
        for name in tree:
            if name not in names:
                raise UserError(f"The description of an environment has no entry {name!r}.{did_you_mean(name, names)}")
        perception = tree.get("perception")
        return cls(**{**tree, "perception": None if perception is None else PerceptionConfig.from_json(perception)})


def code_of(environment_id: str) -> str | None:
    """Name the module or file that has to be imported before an id means anything; None for registered ids."""
    code, colon, _ = environment_id.rpartition(":")
    if colon:
        return code
    return environment_id if environment_id.endswith(".py") else None


def absolute_id(environment_id: str) -> str:
    """Make the id of a file mean the same from any folder; other ids stay as they are."""
    code, colon, name = environment_id.rpartition(":")
    return f"{Path(code).expanduser().resolve()}:{name}" if colon and code.endswith(".py") else environment_id
