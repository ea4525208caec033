"""`EnvConfig`, the description of an environment that a run stores, and `EnvOptions`, which every environment takes.

Options are typed among the environment's own arguments (`--env-kwargs frame_skip=4 grayscale=true resize=84 workers=4
unrewarded_limit=25`), as Gymnasium does with `max_episode_steps`. An environment that has an argument of the same name
receives it itself.
"""

import json
import math
import reprlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from rlkit.env.actions import Bins, read_bins, read_mirror_actions
from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig, choose_perception
from rlkit.utils.parsing import did_you_mean

MAX_FRAMES = 64  # in a stack, or skipped
MAX_SIDE = 4096  # pixels
MAX_STACKED_PIXELS = 2**24  # of all frames in a stack: one of 4096×4096, or 64 of 512×512
MAX_WORKERS = 128  # processes of 25 MB each
MIN_TIMEOUT, MAX_TIMEOUT = 1e-3, 1e6  # s
MAX_UNREWARDED = 1_000_000  # steps

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
class EnvOptions:
    """Options that rlkit adds to the arguments of any environment; the fields are the names that users type.

    Args:
        frame_skip: Steps of the environment per action; their rewards are summed.
        grayscale: Whether RGB images are converted to gray (luma of ITU-R BT.601).
        resize: Height and width that images are resized to by area averaging; one number for both.
        image_bounds: Lowest and highest value of images whose space is unbounded; None if all spaces have bounds.
        frame_stack: Number of stacked frames; None chooses by `frame_stack.default_frame_stack`.
        action_bins: Number of values along each continuous axis; None for the default of `actions`.
        mirror_actions: For each action the number of its mirror image; None if unknown.
        workers: Processes that single environments are distributed over; 0 steps them in this process.
        step_timeout: Seconds that making, resetting or stepping one environment may take; 0 for no limit.
        unrewarded_limit: Terminate an episode after this many consecutive steps without a positive reward; 0 for no
            limit. Ignored in evaluation.

    Raises:
        UserError: A value is of the wrong type or out of range.
    """

    frame_skip: int = 1
    grayscale: bool = False
    resize: tuple[int, int] | None = None
    image_bounds: tuple[float, float] | None = None
    frame_stack: int | None = None
    action_bins: Bins | None = None
    mirror_actions: tuple[int, ...] | None = None
    workers: int = 0
    step_timeout: float = 60.0
    unrewarded_limit: int = 0

    def __post_init__(self) -> None:
        stack = 1 if self.frame_stack is None else self.frame_stack
        _check_count("frame_skip", self.frame_skip, 1, MAX_FRAMES)
        _check_count("frame_stack", stack, 1, MAX_FRAMES)
        if not isinstance(self.grayscale, bool):
            raise UserError(f"grayscale is true or false, not {reprlib.repr(self.grayscale)}.")
        if self.resize is not None:
            height, width = _size(self.resize)
            object.__setattr__(self, "resize", (height, width))
            if stack * height * width > MAX_STACKED_PIXELS:
                raise UserError(
                    f"{stack} frames of {height}×{width} (height × width) are {stack * height * width:,} pixels; an "
                    f"observation has at most {MAX_STACKED_PIXELS:,}. Choose a smaller resize or frame_stack."
                )
        if self.image_bounds is not None:
            object.__setattr__(self, "image_bounds", _bounds(self.image_bounds))
        if self.action_bins is not None:
            object.__setattr__(self, "action_bins", read_bins(self.action_bins))
        if self.mirror_actions is not None:
            object.__setattr__(self, "mirror_actions", read_mirror_actions(self.mirror_actions))
        _check_count("workers", self.workers, 0, MAX_WORKERS, "processes", "none of their own")
        seconds = self.step_timeout
        if type(seconds) not in (int, float) or not (seconds == 0 or MIN_TIMEOUT <= seconds <= MAX_TIMEOUT):
            raise UserError(
                f"step_timeout is a number of seconds from {MIN_TIMEOUT:g} to {MAX_TIMEOUT:,.0f}, or 0 for no limit, "
                f"not {reprlib.repr(seconds)}."
            )
        _check_count("unrewarded_limit", self.unrewarded_limit, 0, MAX_UNREWARDED, "steps", "no limit")


OPTION_NAMES = tuple(option.name for option in fields(EnvOptions))
TRAINING_OPTIONS = frozenset({"unrewarded_limit"})  # that evaluations ignore


def split_kwargs(
    kwargs: Mapping[str, Any], accepted: Callable[[], Collection[str]], frame_stack: int | None = None
) -> tuple[dict[str, Any], EnvOptions]:
    """Separate rlkit's options from an environment's own arguments.

    Args:
        kwargs: As they were typed.
        accepted: Returns the names of arguments that the environment takes itself, which have precedence; only called
            where an option is among `kwargs`, because it imports the environment's code.
        frame_stack: Number of stacked frames where `kwargs` have none.

    Returns:
        The environment's own arguments, and the options.

    Raises:
        UserError: The value of an option is of the wrong type or out of range.
    """
    options = {name: value for name, value in kwargs.items() if name in OPTION_NAMES}
    if options:
        own = accepted()
        options = {name: value for name, value in options.items() if name not in own}
    theirs = {name: value for name, value in kwargs.items() if name not in options}
    return theirs, EnvOptions(**{"frame_stack": frame_stack, **options})


def _check_count(name: str, value: Any, low: int, high: int, unit: str = "", zero: str = "") -> None:
    """Refuse what is no whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        of, at_zero = (f" of {unit}" if unit else ""), (f" ({zero})" if zero else "")
        raise UserError(f"{name} is a whole number{of} from {low}{at_zero} to {high:,}, not {reprlib.repr(value)}.")


def _size(size: Any) -> tuple[int, int]:
    """Height and width; one number for both."""
    sides = size if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= MAX_SIDE for side in sides):
        raise UserError(
            f"resize is a number of pixels from 1 to {MAX_SIDE}, or a height and a width as [84,96], not "
            f"{reprlib.repr(size)}."
        )
    return sides[0], sides[1]


def _bounds(bounds: Any) -> tuple[float, float]:
    """A lower and a higher finite number."""
    values = bounds if isinstance(bounds, list | tuple) else ()
    if len(values) != 2 or any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise UserError(f"image_bounds is a lowest and a highest value as in -1,1, not {reprlib.repr(bounds)}.")
    low, high = map(float, values)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"image_bounds needs a lower and a higher finite number, not {low:g} and {high:g}.")
    return low, high


@dataclass(frozen=True)
class EnvConfig:
    """Everything that is needed to make the same environment again.

    Args:
        id: `CartPole-v1`, `my_pkg.module:MyEnv-v0`, `my_pkg.module:MyEnv` or `path/to/file.py:MyEnv`.
        kwargs: Arguments of the environment, `max_episode_steps` and the fields of `EnvOptions`; JSON values only.
        frame_stack: Number of stacked frames; None chooses by `frame_stack.default_frame_stack`. `VecEnv.config` holds
            the number that was chosen.
        perception: What replaces the camera's image; None for the image itself.
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
        EnvOptions(frame_stack=self.frame_stack)  # checks its range

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
