"""Rules that convert the parts of an observation space to named leaves: uint8 images (H, W, C), float32 vectors (D,).

`leaf_rules` derives the rules from a space, `convert` applies them to the observations of N environments.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces as gym_spaces

from rlkit.errors import DescribedError, UserError
from rlkit.spaces import Leaf, Observations

Array = npt.NDArray[Any]

LARGEST_ONE_HOT = 10_000  # entries; a wider one-hot vector is a sign that a number, not a category, was meant
TOLERANCE = 1e-3  # of an image's range, by which floats may exceed it
COLOURS = 3  # channels of a picture in colour
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of red, green and blue in ITU-R BT.601
SUPPORTED = (
    "Supported are Box (pictures, vectors, scalars), Discrete, MultiBinary, MultiDiscrete, and Dict and Tuple of those."
)


@dataclass(frozen=True)
class LeafRule:
    """Conversion of one part of an environment's observation to one leaf.

    Args:
        leaf: The result, for one frame.
        path: Keys and indices of the part in a nested observation.
        source_shape: Shape of the part, without the batch axis.
        conversion: From (N, *source_shape) to (N, *leaf.shape), always a new array; None for the identity.
        note: Description of the conversion.
        bounds: Lower and upper bounds, each of source_shape, of an image that is rescaled; None for other parts.
    """

    leaf: Leaf
    path: tuple[str | int, ...]
    source_shape: tuple[int, ...]
    conversion: Callable[[Array], Array] | None
    note: str
    bounds: tuple[Array, Array] | None = None


def leaf_rules(
    space: gym_spaces.Space[Any],
    labels: tuple[str, ...] = (),
    grayscale: bool = False,
    resize: tuple[int, int] | None = None,
    image_bounds: tuple[float, float] | None = None,
) -> tuple[LeafRule, ...]:
    """Derive the conversion of each part of a single environment's observation space.

    Nested names are joined by a dot; an observation of a single part is named `observation`. Text parts become no leaf:
    see `left_out`.

    Args:
        space: Of a single environment.
        labels: Keys of a Dict that are ground truth, and hidden from agents.
        grayscale: Whether RGB images are converted to gray.
        resize: Height and width of resized images; None for no resizing.
        image_bounds: Lowest and highest value of images whose space is unbounded.

    Raises:
        UserError: A part of the space is not supported.
    """
    if isinstance(space, gym_spaces.Dict):
        space = gym_spaces.Dict({key: part for key, part in space.items() if key not in labels})
    rules = tuple(_rules(space, (), image_bounds))
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
    """Names of the text parts of an observation, which become no leaf."""
    parts: Iterable[tuple[Any, gym_spaces.Space[Any]]] = ()
    if isinstance(space, gym_spaces.Dict):
        parts = space.spaces.items()
    elif isinstance(space, gym_spaces.Tuple):
        parts = enumerate(space.spaces)
    names: list[str] = []
    for key, part in parts:
        names += [str(key)] if _is_text(part) else [f"{key}.{inner}" for inner in left_out(part)]
    return tuple(names)


def convert(
    rules: tuple[LeafRule, ...],
    observation: Any,
    num_envs: int,
    fresh: bool = False,
    on_clip: Callable[[str, int, str], None] | None = None,
) -> Observations:
    """Apply the rules to a batched observation.

    Args:
        rules: From `leaf_rules` of the single observation space.
        observation: Of a vector environment.
        num_envs: Its number of environments, N.
        fresh: Whether the environment never modifies a returned observation; then parts without conversion are not
            copied.
        on_clip: Called with leaf, index of the environment and a description if an image exceeds its bounds.

    Returns:
        Leaves (N, *shape), sharing no memory with the environment unless it is `fresh`.

    Raises:
        UserError: The observation does not match the shape of its space, or has a value outside of it.
        DescribedError: An image is not finite; with the index of the environment.
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
        if rule.bounds is not None:
            _check_image(rule, part, on_clip)
        if rule.conversion is not None:
            leaves[rule.leaf.name] = rule.conversion(part)
        elif fresh and part.dtype == rule.leaf.dtype:
            leaves[rule.leaf.name] = part
        else:
            leaves[rule.leaf.name] = _cast(part, rule.leaf.dtype)
    return leaves


def _check_image(rule: LeafRule, part: Array, on_clip: Callable[[str, int, str], None] | None) -> None:
    """Refuse NaN and infinities in an image, and report values beyond its bounds, which are clipped."""
    assert rule.bounds is not None
    low, high = rule.bounds
    if part.dtype.kind == "f" and not np.isfinite(part).all():
        first = tuple(np.argwhere(~np.isfinite(part))[0])
        raise DescribedError(
            f"returned {part[first]} in the observation {rule.leaf.name!r}, not a finite number", first[0]
        )
    tolerance = TOLERANCE * (high - low) if part.dtype.kind == "f" else 0
    outside = (part < low - tolerance) | (part > high + tolerance)
    if on_clip is not None and outside.any():
        first = tuple(np.argwhere(outside)[0])
        bounds = f"{low[first[1:]]:g} to {high[first[1:]]:g}"
        on_clip(
            rule.leaf.name, first[0], f"{part[first]:g} in the observation {rule.leaf.name!r} is clipped to {bounds}"
        )


def _cast(part: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):  # overflow of float32 becomes infinite
        return part.astype(dtype, order="C", copy=True)


def _rules(
    space: gym_spaces.Space[Any], path: tuple[str | int, ...], image_bounds: tuple[float, float] | None
) -> list[LeafRule]:
    if isinstance(space, gym_spaces.Dict):
        return [rule for key, part in space.spaces.items() for rule in _rules(part, (*path, key), image_bounds)]
    if isinstance(space, gym_spaces.Tuple):
        return [rule for index, part in enumerate(space.spaces) for rule in _rules(part, (*path, index), image_bounds)]
    if path and _is_text(space):
        return []
    name = ".".join(str(key) for key in path) or "observation"
    if isinstance(space, gym_spaces.Box):
        return [_box_rule(space, name, path, image_bounds)]
    if isinstance(space, gym_spaces.Discrete):
        return [_one_hot_rule(name, path, (), np.array([space.n]), np.array([space.start]))]
    if isinstance(space, gym_spaces.MultiDiscrete):
        return [_one_hot_rule(name, path, space.nvec.shape, space.nvec.ravel(), np.ravel(space.start))]
    if isinstance(space, gym_spaces.MultiBinary):
        return [_vector_rule(name, path, space.shape, f"{math.prod(space.shape)} bits as 0.0 and 1.0")]
    raise UserError(f"The observation {name!r} is a {type(space).__name__} space, which no network reads. {SUPPORTED}")


def _is_text(space: gym_spaces.Space[Any]) -> bool:
    return space.dtype is not None and np.dtype(space.dtype).kind == "U"  # MiniGrid's missions are no Text space


def _box_rule(
    space: gym_spaces.Box, name: str, path: tuple[str | int, ...], image_bounds: tuple[float, float] | None
) -> LeafRule:
    shape = space.shape
    if 0 in shape:
        raise UserError(f"The observation {name!r} is a Box of shape {shape}: there is nothing in it. {SUPPORTED}")
    if len(shape) > 3:
        raise UserError(
            f"The observation {name!r} is a Box of shape {shape}; pictures have 2 or 3 axes (height, width, channels)."
        )
    if len(shape) == 3 or (len(shape) == 2 and space.dtype == np.uint8):
        return _picture_rule(space, name, path, image_bounds)
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


def _picture_rule(
    space: gym_spaces.Box, name: str, path: tuple[str | int, ...], image_bounds: tuple[float, float] | None
) -> LeafRule:
    shape = space.shape
    channel_first = len(shape) == 3 and _is_channel_first(shape)
    height, width, channels = (*shape, 1) if len(shape) == 2 else (*shape[1:], shape[0]) if channel_first else shape
    notes = [f"picture {height}×{width}×{channels}"]
    if channel_first:
        notes.append("channels moved last")
    if image_bounds is not None and not space.is_bounded():
        space = gym_spaces.Box(*image_bounds, shape, np.float32)
    low, high = _channel_bounds(space, channel_first)
    rescale = not (space.dtype == np.uint8 and (low == 0.0).all() and (high == 255.0).all())
    if rescale and not (np.isfinite(low).all() and np.isfinite(high).all() and (high > low).any()):
        raise UserError(
            f"The observation {name!r} is a Box of shape {shape} from {low.min()} to {high.max()}: to be stored as an "
            "image it needs finite bounds. Give the Box the bounds of its values, or set image_bounds=LOW,HIGH."
        )
    scale = np.divide(255.0, high - low, out=np.zeros_like(low), where=high > low)
    if rescale:
        ranges = dict.fromkeys(f"[{first:g}, {last:g}]" for first, last in zip(low, high, strict=True))
        notes.append(f"{', '.join(ranges)} scaled to 0…255" + (" per channel" if len(ranges) > 1 else ""))

    def picture(part: Array) -> Array:
        if channel_first:
            part = np.moveaxis(part, 1, -1)
        part = part.reshape(len(part), height, width, channels)
        if rescale:
            part = np.rint((np.clip(part.astype(np.float32), low, high) - low) * scale)
        return part.astype(np.uint8, order="C", copy=True)

    needs_conversion = channel_first or rescale or len(shape) == 2
    leaf = Leaf(name, (height, width, channels), "uint8")
    bounds = (space.low, space.high) if rescale else None
    return LeafRule(leaf, path, shape, picture if needs_conversion else None, ", ".join(notes), bounds)


def _channel_bounds(space: gym_spaces.Box, channel_first: bool) -> tuple[Array, Array]:
    """Lowest and highest value of each channel, (C,) float32."""
    axes = (1, 2) if channel_first else (0, 1)
    return np.atleast_1d(space.low.min(axis=axes)).astype(np.float32), np.atleast_1d(space.high.max(axis=axes)).astype(
        np.float32
    )


def _grey_rule(rule: LeafRule) -> LeafRule:
    def grey(part: Array) -> Array:
        picture = part if rule.conversion is None else rule.conversion(part)
        return np.rint(picture @ LUMA).astype(np.uint8)[..., np.newaxis]

    leaf = replace(rule.leaf, shape=(*rule.leaf.shape[:2], 1))
    return replace(rule, leaf=leaf, conversion=grey, note=f"{rule.note}, made grey")


def _resized_rule(rule: LeafRule, size: tuple[int, int]) -> LeafRule:
    height, width, channels = rule.leaf.shape
    rows, columns = _area_weights(height, size[0]), _area_weights(width, size[1])

    def resized(part: Array) -> Array:
        picture = part if rule.conversion is None else rule.conversion(part)
        planes = np.moveaxis(picture, -1, 1).astype(np.float32)
        small = np.moveaxis(rows @ planes @ columns.T, 1, -1)
        return np.rint(small).astype(np.uint8, order="C")

    leaf = replace(rule.leaf, shape=(*size, channels))
    return replace(rule, leaf=leaf, conversion=resized, note=f"{rule.note}, resized to {size[0]}×{size[1]}")


def _area_weights(before: int, after: int) -> Array:
    """Area-averaging weights along one axis, (after, before) float32."""
    edges = np.arange(after + 1) * (before / after)
    old = np.arange(before)
    overlap = np.minimum(edges[1:, np.newaxis], old + 1) - np.maximum(edges[:-1, np.newaxis], old)
    shares: Array = np.maximum(overlap, 0.0) * (after / before)
    return shares.astype(np.float32)


def _is_channel_first(shape: tuple[int, ...]) -> bool:
    """Guess the channel axis: the one beside two equal axes, else the smaller of first and last, else the last."""
    first, middle, last = shape
    if (first == middle) != (middle == last):
        return middle == last
    return first < last
