"""Tells the arguments that rlkit understands from those of the environment that they are typed among.

An environment that takes an argument of the same name gets it itself.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rlkit import discrete_actions, episode_options, frame_options, mirror_actions, stepping_options
from rlkit.discrete_actions import Bins, read_bins
from rlkit.episode_options import EpisodeOptions
from rlkit.frame_options import FrameOptions
from rlkit.mirror_actions import read_mirror_actions
from rlkit.stepping_options import SteppingOptions

NAMES = (
    *frame_options.NAMES,
    discrete_actions.NAME,
    mirror_actions.NAME,
    *stepping_options.NAMES,
    *episode_options.NAMES,
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
    ours = {name: value for name, value in kwargs.items() if name in NAMES}
    if ours:
        own = accepted()
        ours = {name: value for name, value in ours.items() if name not in own}
    bins, mirrored = discrete_actions.NAME, mirror_actions.NAME
    return SplitArguments(
        theirs={name: value for name, value in kwargs.items() if name not in ours},
        ours=tuple(ours),
        bins=read_bins(ours[bins]) if bins in ours else None,
        mirrored=read_mirror_actions(ours[mirrored]) if mirrored in ours else None,
        frames=FrameOptions(**{"frame_stack": frame_stack, **_those_named(frame_options.NAMES, ours)}),
        stepping=SteppingOptions(**_those_named(stepping_options.NAMES, ours)),
        episodes=EpisodeOptions(**_those_named(episode_options.NAMES, ours)),
    )


def _those_named(names: Collection[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name in names}
