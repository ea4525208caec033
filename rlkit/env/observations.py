"""Turn observations of any space into named leaves: uint8 pictures (H, W, C) and float32 vectors (D,).

`leaf_rules` decides once, from the space, how each part is converted and why; `convert` applies the rules at every
step; `repeat_frame` and `push_frame` stack frames, so that one observation shows motion. `ObservationAdapter` does so
for N environments and replaces the camera's picture by perception where that is asked for.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces as gym_spaces

from rlkit import capabilities
from rlkit.env.config import EnvConfig, FrameOptions
from rlkit.errors import UserError
from rlkit.perception.config import CAMERA, DRIVABLE, SEGMENTATION, PerceptionConfig
from rlkit.spaces import Leaf, Observations, Pixels, Spaces

if TYPE_CHECKING:
    from rlkit.perception.pipeline import PerceptionPipeline

Array = npt.NDArray[Any]

DEFAULT_STACK = 4  # frames; Mnih et al. 2015
LARGEST_ONE_HOT = 10_000  # entries; a wider one-hot vector is a sign that a number, not a category, was meant
MOST_STACKABLE_CHANNELS = 3  # a picture of more channels carries its own history or its own planes
COLOURS = 3  # channels of a picture in colour
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of red, green and blue in ITU-R BT.601
SUPPORTED = (
    "Supported are Box (pictures, vectors, scalars), Discrete, MultiBinary, MultiDiscrete, and Dict and Tuple of those."
)


@dataclass(frozen=True)
class LeafRule:
    """How one part of an environment's observation becomes one leaf.

    Args:
        leaf: What comes out, for one frame.
        path: Keys and positions that lead to the part in a nested observation.
        source_shape: Shape of the part, without the batch axis.
        conversion: From (N, *source_shape) to (N, *leaf.shape), always a new array; None where nothing has to change.
        note: What is done, for a person to read.
    """

    leaf: Leaf
    path: tuple[str | int, ...]
    source_shape: tuple[int, ...]
    conversion: Callable[[Array], Array] | None
    note: str


def leaf_rules(
    space: gym_spaces.Space[Any],
    labels: tuple[str, ...] = (),
    grayscale: bool = False,
    resize: tuple[int, int] | None = None,
) -> tuple[LeafRule, ...]:
    """Decide how each part of a single environment's observation space becomes a leaf.

    Nested names are joined by a dot; an observation that is a single part is called `observation`. Text beside other
    parts, such as an instruction that a person reads, becomes none: see `left_out`.

    Args:
        space: Of a single environment.
        labels: Keys of a Dict that an agent must not see, because they hold the truth that it is to find out.
        grayscale: Whether pictures in three colours become grey.
        resize: Height and width that pictures are brought to; None leaves them as they are.

    Raises:
        UserError: A part of the space is of a kind that is not supported; the sentence says which and what is.
    """
    if isinstance(space, gym_spaces.Dict):
        space = gym_spaces.Dict({key: part for key, part in space.items() if key not in labels})
    rules = tuple(_rules(space, ()))
    if not rules:
        texts = ", ".join(left_out(space))
        why = f"holds nothing but text ({texts}), which no network reads" if texts else "is empty"
        raise UserError(f"The observation space {space} {why}. {SUPPORTED}")
    if grayscale and not any(rule.leaf.is_picture and rule.leaf.shape[-1] == COLOURS for rule in rules):
        raise UserError("grayscale: there is no picture in three colours in the observations.")
    if resize is not None and not any(rule.leaf.is_picture for rule in rules):
        raise UserError("resize: there is no picture in the observations.")
    rules = tuple(_grey_rule(rule) if grayscale and rule.leaf.shape[2:] == (COLOURS,) else rule for rule in rules)
    if resize is not None:
        rules = tuple(_resized_rule(rule, resize) if rule.leaf.is_picture else rule for rule in rules)
    names = [rule.leaf.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"Two parts of the observation space are both called {twice[0]!r}: rename one of its keys.")
    return rules


def left_out(space: gym_spaces.Space[Any]) -> tuple[str, ...]:
    """Names of the parts of an observation that become no leaf because they are text."""
    parts: Iterable[tuple[Any, gym_spaces.Space[Any]]] = ()
    if isinstance(space, gym_spaces.Dict):
        parts = space.spaces.items()
    elif isinstance(space, gym_spaces.Tuple):
        parts = enumerate(space.spaces)
    names: list[str] = []
    for key, part in parts:
        names += [str(key)] if _is_text(part) else [f"{key}.{inner}" for inner in left_out(part)]
    return tuple(names)


def convert(rules: tuple[LeafRule, ...], observation: Any, num_envs: int, fresh: bool = False) -> Observations:
    """Apply the rules to a batched observation.

    Args:
        rules: From `leaf_rules` of the single observation space.
        observation: What a vector environment gave.
        num_envs: Its number of environments, N.
        fresh: Whether the environment never writes again to what it has given; then what needs no conversion
            is passed on as it is, without a copy.

    Returns:
        Leaves (N, *shape), sharing no memory with the environment unless it is `fresh`.

    Raises:
        UserError: The observation is not of the shape that the space promised, or holds a value outside of it.
    """
    leaves: Observations = {}
    for rule in rules:
        part = observation
        for key in rule.path:
            part = part[key]
        part = np.asarray(part)
        if part.shape != (num_envs, *rule.source_shape):
            raise UserError(
                f"The observation {rule.leaf.name!r} came with shape {part.shape}, but its space promises "
                f"{(num_envs, *rule.source_shape)}.",
                exit_code=1,
            )
        if rule.conversion is not None:
            leaves[rule.leaf.name] = rule.conversion(part)
        elif fresh and part.dtype == rule.leaf.dtype:
            leaves[rule.leaf.name] = part
        else:
            leaves[rule.leaf.name] = _cast(part, rule.leaf.dtype)
    return leaves


def default_frame_stack(spaces: Spaces) -> int:
    """Choose how many frames a picture is shown with.

    4 where there is nothing but pictures, since a single one shows no motion (Mnih et al. 2015); 1 where a vector
    accompanies them, which can tell speeds, where there is no picture, and where pictures have more channels than a
    coloured one and thus carry their history or planes already.

    Args:
        spaces: Unstacked.
    """
    plain = [leaf.is_picture and leaf.shape[-1] <= MOST_STACKABLE_CHANNELS for leaf in spaces.observations.values()]
    return DEFAULT_STACK if all(plain) else 1


def stacked(leaf: Leaf, frames: int) -> Leaf:
    """Describe a leaf once `frames` of it lie behind each other; vectors are never stacked."""
    if not leaf.is_picture or frames == 1:
        return leaf
    return replace(leaf, shape=(*leaf.shape[:-1], leaf.shape[-1] * frames), stack=frames)


def repeat_frame(frame: Array, frames: int) -> Array:
    """Begin a stack: the first frame of an episode stands for those before it.

    Args:
        frame: (N, H, W, C).
        frames: How many to lay behind each other.

    Returns:
        (N, H, W, C × frames), a new array.
    """
    return np.tile(frame, frames)


def push_frame(stack: Array, frame: Array) -> Array:
    """Lay a new frame at the end of a stack and drop the oldest.

    Args:
        stack: (N, H, W, C × frames), left as it is.
        frame: (N, H, W, C), the newest.

    Returns:
        A new array of the shape of `stack`.
    """
    channels = frame.shape[-1]
    pushed = np.empty_like(stack)
    # One plane at a time: NumPy is several times slower over a last axis of a few bytes.
    for channel in range(stack.shape[-1] - channels):
        pushed[..., channel] = stack[..., channel + channels]
    for channel in range(channels):
        pushed[..., channel - channels] = frame[..., channel]
    return pushed


def _cast(part: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
        return part.astype(dtype, order="C", copy=True)


def _rules(space: gym_spaces.Space[Any], path: tuple[str | int, ...]) -> list[LeafRule]:
    if isinstance(space, gym_spaces.Dict):
        return [rule for key, part in space.spaces.items() for rule in _rules(part, (*path, key))]
    if isinstance(space, gym_spaces.Tuple):
        return [rule for index, part in enumerate(space.spaces) for rule in _rules(part, (*path, index))]
    if path and _is_text(space):
        return []
    name = ".".join(str(key) for key in path) or "observation"
    if isinstance(space, gym_spaces.Box):
        return [_box_rule(space, name, path)]
    if isinstance(space, gym_spaces.Discrete):
        return [_one_hot_rule(name, path, (), np.array([space.n]), np.array([space.start]))]
    if isinstance(space, gym_spaces.MultiDiscrete):
        return [_one_hot_rule(name, path, space.nvec.shape, space.nvec.ravel(), np.ravel(space.start))]
    if isinstance(space, gym_spaces.MultiBinary):
        return [_vector_rule(name, path, space.shape, f"{math.prod(space.shape)} bits as 0.0 and 1.0")]
    raise UserError(f"The observation {name!r} is a {type(space).__name__} space, which no network reads. {SUPPORTED}")


def _is_text(space: gym_spaces.Space[Any]) -> bool:
    return space.dtype is not None and np.dtype(space.dtype).kind == "U"  # MiniGrid's missions are no Text space


def _box_rule(space: gym_spaces.Box, name: str, path: tuple[str | int, ...]) -> LeafRule:
    shape = space.shape
    if 0 in shape:
        raise UserError(f"The observation {name!r} is a Box of shape {shape}: there is nothing in it. {SUPPORTED}")
    if len(shape) > 3:
        raise UserError(
            f"The observation {name!r} is a Box of shape {shape}; pictures have 2 or 3 axes (height, width, channels)."
        )
    if len(shape) == 3 or (len(shape) == 2 and space.dtype == np.uint8):
        return _picture_rule(space, name, path)
    if space.dtype == np.uint8 and np.all(space.high == 255):
        return _vector_rule(name, path, shape, f"{math.prod(shape)} bytes, divided by 255", divisor=255.0)
    return _vector_rule(name, path, shape, f"vector of {math.prod(shape)}")


def _vector_rule(
    name: str, path: tuple[str | int, ...], shape: tuple[int, ...], note: str, divisor: float = 1.0
) -> LeafRule:
    size = math.prod(shape)

    def flatten(part: Array) -> Array:
        flat = _cast(part.reshape(len(part), size), "float32")
        return flat if divisor == 1.0 else flat / np.float32(divisor)

    # A plain vector needs no conversion: `convert` itself copies and casts.
    needs_conversion = len(shape) != 1 or divisor != 1.0
    return LeafRule(Leaf(name, (size,), "float32"), path, shape, flatten if needs_conversion else None, note)


def _one_hot_rule(
    name: str, path: tuple[str | int, ...], shape: tuple[int, ...], sizes: Array, starts: Array
) -> LeafRule:
    width = int(sizes.sum())
    if width > LARGEST_ONE_HOT:
        raise UserError(
            f"The observation {name!r} has {width:,} categories; one-hot vectors go up to {LARGEST_ONE_HOT:,}. "
            "Wrap the environment so that it gives numbers in a Box."
        )
    offsets = np.cumsum(sizes) - sizes

    def one_hot(part: Array) -> Array:
        values = part.reshape(len(part), -1) - starts
        outside = (values < 0) | (values >= sizes)
        if outside.any():
            index, column = np.argwhere(outside)[0]
            raise UserError(
                f"Environment {index} gave {values[index, column] + starts[column]} in the observation {name!r}, "
                f"outside of its space.",
                exit_code=1,
            )
        rows = np.zeros((len(part), width), dtype=np.float32)
        np.put_along_axis(rows, values + offsets, 1.0, axis=1)
        return rows

    kind = f"1 of {width}" if len(sizes) == 1 else f"{len(sizes)} choices among {width}"
    return LeafRule(Leaf(name, (width,), "float32"), path, shape, one_hot, f"{kind}, one-hot")


def _picture_rule(space: gym_spaces.Box, name: str, path: tuple[str | int, ...]) -> LeafRule:
    shape = space.shape
    channel_first = len(shape) == 3 and _is_channel_first(shape)
    height, width, channels = (*shape, 1) if len(shape) == 2 else (*shape[1:], shape[0]) if channel_first else shape
    notes = [f"picture {height}×{width}×{channels}"]
    if channel_first:
        notes.append("channels moved last")
    low, high = float(np.min(space.low)), float(np.max(space.high))
    rescale = not (space.dtype == np.uint8 and low == 0.0 and high == 255.0)
    if rescale and not (np.isfinite(low) and np.isfinite(high) and high > low):
        raise UserError(
            f"The observation {name!r} is a Box of shape {shape} from {low} to {high}: to be stored as a picture it "
            "needs finite bounds. Give the Box the bounds that its values really have, or make it a vector."
        )
    if rescale:
        notes.append(f"[{low:g}, {high:g}] brought to 0…255")

    def picture(part: Array) -> Array:
        if channel_first:
            part = np.moveaxis(part, 1, -1)
        if rescale:
            part = np.rint((np.clip(part.astype(np.float32), low, high) - low) * (255.0 / (high - low)))
        return part.reshape(len(part), height, width, channels).astype(np.uint8, order="C", copy=True)

    needs_conversion = channel_first or rescale or len(shape) == 2
    leaf = Leaf(name, (height, width, channels), "uint8")
    return LeafRule(leaf, path, shape, picture if needs_conversion else None, ", ".join(notes))


def _grey_rule(rule: LeafRule) -> LeafRule:
    def grey(part: Array) -> Array:
        picture = part if rule.conversion is None else rule.conversion(part)
        return np.rint(picture @ LUMA).astype(np.uint8)[..., np.newaxis]

    leaf = replace(rule.leaf, shape=(*rule.leaf.shape[:2], 1))
    return replace(rule, leaf=leaf, conversion=grey, note=f"{rule.note}, made grey")


def _resized_rule(rule: LeafRule, size: tuple[int, int]) -> LeafRule:
    height, width, channels = rule.leaf.shape
    rows, columns = _covered(height, size[0]), _covered(width, size[1])

    def resized(part: Array) -> Array:
        picture = part if rule.conversion is None else rule.conversion(part)
        planes = np.moveaxis(picture, -1, 1).astype(np.float32)
        small = np.moveaxis(rows @ planes @ columns.T, 1, -1)
        return np.rint(small).astype(np.uint8, order="C")

    leaf = replace(rule.leaf, shape=(*size, channels))
    return replace(rule, leaf=leaf, conversion=resized, note=f"{rule.note}, resized to {size[0]}×{size[1]}")


def _covered(before: int, after: int) -> Array:
    """(after, before) float32, which share of each new cell each old one covers, along one axis."""
    edges = np.arange(after + 1) * (before / after)
    old = np.arange(before)
    overlap = np.minimum(edges[1:, np.newaxis], old + 1) - np.maximum(edges[:-1, np.newaxis], old)
    shares: Array = np.maximum(overlap, 0.0) * (after / before)
    return shares.astype(np.float32)


def _is_channel_first(shape: tuple[int, ...]) -> bool:
    """Guess the channel axis: the one that is not part of a square, else the smaller of the ends, else the last."""
    first, middle, last = shape
    if (first == middle) != (middle == last):
        return middle == last
    return first < last


class ObservationAdapter:
    """Turns the observations of N environments into leaves, a single frame each.

    Args:
        space: Of what a single environment gives.
        metadata: Of the environment.
        config: What it was made from.
        options: What to make of its frames.
        num_envs: N.
        fresh: Whether the environment never writes again to what it has given.

    Raises:
        UserError: The space is not supported, or there is nothing to perceive in it.
    """

    def __init__(
        self,
        space: gym_spaces.Space[Any],
        metadata: Mapping[str, Any],
        config: EnvConfig,
        options: FrameOptions,
        num_envs: int,
        fresh: bool,
    ):
        labels = capabilities.labels(metadata)
        self._rules = leaf_rules(space, labels, options.grayscale, options.resize)
        self._num_envs = num_envs
        self._fresh = fresh
        self.left_out = left_out(space)
        """Names of the parts that no agent sees, because they are text."""
        self.perceiver: PerceptionPipeline | None = None
        """What stands between the camera and the agent, if anything does."""
        self.leaves = [rule.leaf for rule in self._rules]
        """What an agent sees, before frames are stacked."""
        self.notes = {rule.leaf.name: rule.note for rule in self._rules}
        """What is done to make each leaf, for people."""
        if config.perception is not None:
            self.perceiver = self._make_perceiver(space, metadata, config.perception, options, config.id)
            self.leaves = [self.perceiver.leaf, *(leaf for leaf in self.leaves if leaf.name != CAMERA)]
            self.notes[DRIVABLE] = self.perceiver.note

    def begin(self, seeds: Sequence[int], mask: npt.NDArray[np.bool_]) -> None:
        """Get ready for new episodes.

        Args:
            seeds: N seeds, of which those outside of the mask are ignored.
            mask: (N,) bool, whose episode begins.
        """
        if self.perceiver is not None:
            self.perceiver.reset(seeds, mask)

    def see(self, observation: Any, mask: npt.NDArray[np.bool_] | None = None) -> Observations:
        """Turn a batched observation into leaves (N, ...).

        Args:
            observation: What a vector environment gave.
            mask: (N,) bool, whose observation is new; the others perceive what they perceived. None for all.

        Raises:
            UserError: It is not of the shape that the space promised, or holds a value outside of it.
        """
        leaves = convert(self._rules, observation, self._num_envs, self._fresh)
        if self.perceiver is None:
            return leaves
        pictures: Any = leaves.pop(CAMERA, None)
        return {DRIVABLE: self.perceiver.perceive(pictures, self._labels(observation), mask), **leaves}

    def batch_of_one(self, observation: Any) -> Any:
        """A single environment's observation as a batched one, of those parts that are read.

        True labels may be missing from it where drivers see by a model: a car on a road has none.
        """
        return _batched(observation)

    def _labels(self, observation: Any) -> Pixels | None:
        """(N, H, W) true classes of the camera's pixels, where there are some."""
        if not isinstance(observation, Mapping) or SEGMENTATION not in observation:
            return None
        take = np.asarray if self._fresh else np.array
        labels: Pixels = take(observation[SEGMENTATION], dtype=np.uint8)
        return labels.reshape(labels.shape[:3])

    def _make_perceiver(
        self,
        space: gym_spaces.Space[Any],
        metadata: Mapping[str, Any],
        config: PerceptionConfig,
        options: FrameOptions,
        environment: str,
    ) -> "PerceptionPipeline":
        from rlkit.perception.pipeline import make_pipeline  # numba and torch, only where they are needed

        if options.grayscale or options.resize is not None:
            raise UserError("grayscale and resize do not go with --perception, which needs the camera's own picture.")
        shapes = {leaf.name: leaf.shape for leaf in self.leaves if leaf.is_picture}
        if DRIVABLE in {leaf.name for leaf in self.leaves}:
            raise UserError(f"{environment} has an observation {DRIVABLE!r} itself: it cannot be driven by perception.")
        labels = space.get(SEGMENTATION) if isinstance(space, gym_spaces.Dict) else None
        if isinstance(labels, gym_spaces.Box):
            shapes[SEGMENTATION] = labels.shape
        return make_pipeline(config, metadata, shapes, self._num_envs, environment)


def _batched(part: Any) -> Any:
    """The same tree with an axis of one before every array."""
    if isinstance(part, Mapping):
        return {key: _batched(value) for key, value in part.items()}
    if isinstance(part, tuple):
        return tuple(_batched(value) for value in part)
    return np.asarray(part)[np.newaxis]
