"""What rlkit itself can make of an environment's frames: skip, stack, shrink them, take their colours away.

They are typed among the environment's own arguments (`--env-kwargs frame_skip=4 grayscale=true resize=84`), as
Gymnasium has it with `max_episode_steps`; an environment that takes an argument of the same name gets it itself.
"""

import dataclasses
import reprlib
from dataclasses import dataclass
from typing import Any

from rlkit.errors import UserError

MOST_FRAMES = 64  # in a stack, or skipped; more is a mistake in typing
LARGEST_SIDE = 4096  # pixels
MOST_STACKED = 2**24  # pixels of all frames in a stack: one of 4096×4096, or 64 of 512×512


@dataclass(frozen=True)
class FrameOptions:
    """What to make of an environment's frames, in the order in which it happens.

    Args:
        frame_skip: Steps of the environment per action; their rewards are summed.
        grayscale: Whether pictures in three colours become grey (luma of ITU-R BT.601).
        resize: Height and width that pictures are brought to, each pixel the mean over the area that it covers.
        frame_stack: How many frames of a picture lie behind each other; None chooses by
            `preprocessing.default_frame_stack`.

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


NAMES = tuple(field.name for field in dataclasses.fields(FrameOptions))


def _size(size: Any) -> tuple[int, int]:
    """Height and width; one number for both."""
    sides = size if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= LARGEST_SIDE for side in sides):
        raise UserError(
            f"resize is a number of pixels from 1 to {LARGEST_SIDE}, or a height and a width as [84,96], not "
            f"{reprlib.repr(size)}."
        )
    return sides[0], sides[1]
