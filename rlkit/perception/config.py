"""The description of how a driver sees: through which eyes, in which view, and how well. A run stores it as JSON."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from rlkit.errors import UserError
from rlkit.utils import paths
from rlkit.utils.parsing import did_you_mean

CAMERA = "camera"  # names of the environment's observations that perception reads
SEGMENTATION = "segmentation"
DRIVABLE = "drivable"  # name of the one that it makes of them
TRUTH = "truth"
NONE = "none"
View = Literal["birdview", "camera"]
NoiseKind = Literal["all", "boundary", "blobs", "patches", "pixels"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]

BIRDVIEW_SIZE = (24, 24)
CAMERA_REDUCTION = 4  # how many times smaller than the camera's picture a driver sees it, unless told otherwise
LARGEST_SIDE = 512  # pixels of a view
LONGEST_LATENCY = 100  # decisions


@dataclass(frozen=True)
class PerceptionConfig:
    """What replaces the camera's picture: the drivable area that somebody finds in it.

    Args:
        what: `truth` for the exact labels of a simulator, else the file of a segmentation model.
        digest: SHA-256 of that file, so that nobody drives with other eyes than they think; "" for truth.
        view: `birdview`: warped to the ground as seen from above. `camera`: as the camera sees it, smaller.
        view_size: Height and width of the view in pixels; None for 24×24 from above, for a quarter of the camera's
            sides as the camera sees it.
        metres_per_pixel: Of the view from above.
        soft: Whether the view shows how likely each pixel can be driven on, rather than yes or no, which is quicker and
            looks to a driver as the truth does.
        noise: How much the found area is spoilt before the driver sees it, 0 (not) to 1 (useless); see `corruptions`.
        noise_kind: One kind of mistake, or `all` of them.
        latency: Decisions that the view comes late.
        dropped: Probability that a picture is lost and the view before is shown again.
        device: Where a model computes; `auto` takes a GPU where there is one.
        precision: What a model computes with; bfloat16 is quicker where the processor has it.
        network: `my_package:MyNet` where a model's network is code of the user's own: it is imported only if it is
            named here. Never stored, so that nobody imports it without having typed it.

    Raises:
        UserError: A value is of the wrong kind or out of range.
    """

    what: str = TRUTH
    digest: str = ""
    view: View = "birdview"
    view_size: tuple[int, int] | None = None
    metres_per_pixel: float = 2.0
    soft: bool = False
    noise: float = 0.0
    noise_kind: NoiseKind = "all"
    latency: int = 0
    dropped: float = 0.0
    device: Device = "auto"
    precision: Precision = "float32"
    network: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.what, str) or not isinstance(self.digest, str) or not self.what:
            raise UserError(f"Perception is {TRUTH!r} or the file of a model with its digest, not {self.what!r}.")
        if not isinstance(self.network, str):
            raise UserError(f"network is a text such as my_package:MyNet, not {self.network!r}.")
        for name, choices in (("view", View), ("noise_kind", NoiseKind), ("device", Device), ("precision", Precision)):
            if getattr(self, name) not in get_args(choices):
                raise UserError(f"{name} is one of {', '.join(get_args(choices))}, not {getattr(self, name)!r}.")
        if self.view_size is not None:
            object.__setattr__(self, "view_size", _size(self.view_size))
        if not isinstance(self.soft, bool):
            raise UserError(f"soft is true or false, not {self.soft!r}.")
        for name, low, high in (("metres_per_pixel", 0.1, 8.0), ("noise", 0.0, 1.0), ("dropped", 0.0, 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise UserError(f"{name} is a number from {low:g} to {high:g}, not {value!r}.")
            object.__setattr__(self, name, float(value))
        if type(self.latency) is not int or not 0 <= self.latency <= LONGEST_LATENCY:
            raise UserError(
                f"latency is a whole number of decisions from 0 to {LONGEST_LATENCY}, not {self.latency!r}."
            )

    @property
    def is_truth(self) -> bool:
        """Whether the simulator's own labels are shown."""
        return self.what == TRUTH

    def located(self, folder: Path) -> Self:
        """The same, with the model's file within the folder of the run that this was read from.

        Raises:
            UserError: The path is not relative, or leads out of the folder.
        """
        if self.is_truth:
            return self
        return dataclasses.replace(self, what=str(paths.path_inside(folder, self.what).absolute()))

    def to_json(self) -> dict[str, Any]:
        """Give a tree that `json.dumps` takes."""
        stored = {name: value for name, value in dataclasses.asdict(self).items() if name != "network"}
        return stored | {"view_size": None if self.view_size is None else list(self.view_size)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            UserError: The tree is not of that form, or names the code of a network, which only a user may do.
        """
        if not isinstance(tree, Mapping):
            raise UserError(f"The description of perception should be an object, not {tree!r}.")
        if "network" in tree:
            raise UserError(
                f"It names the code of a network, {tree['network']!r}: no run stores that. If you trust that code, "
                "remove the entry and name it on the command line: --perception-kwargs network=my_package:MyNet"
            )
        return cls(**_known(tree, OPTIONS | {"what", "digest"}))


OPTIONS = frozenset(option.name for option in dataclasses.fields(PerceptionConfig)) - {"what", "digest"}
"""What `--perception-kwargs` may set."""


def choose_perception(
    what: str | Path | None, options: Mapping[str, Any] | None = None, base: PerceptionConfig | None = None
) -> PerceptionConfig | None:
    """Decide how a driver sees from what a user typed.

    Args:
        what: `truth`, `none`, or a segmentation model as `perception.model.find_model` takes it; None for what `base`
            says.
        options: Those of `OPTIONS` that differ.
        base: How the driver saw so far.

    Returns:
        None where they see what the environment gives.

    Raises:
        UserError: There is no such model or option, or a value cannot be.
    """
    changed = _known(options or {}, OPTIONS)
    if (what is None and base is None) or what == NONE:
        if changed:
            raise UserError("--perception-kwargs says how perception is to be, but there is none: add --perception.")
        return None
    if what is None or what == TRUTH:
        eyes: dict[str, Any] = {} if what is None else {"what": TRUTH, "digest": ""}
    else:
        from rlkit.perception.model import find_model
        from rlkit.utils.io import sha256

        path = find_model(what).absolute()
        eyes = {"what": str(path), "digest": sha256(path)}
    return dataclasses.replace(base or PerceptionConfig(), **eyes, **changed)


def _known(options: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    for name in options:
        if name not in names:
            raise UserError(
                f"Perception has no option {name!r}.{did_you_mean(name, names)} There are: {', '.join(sorted(names))}."
            )
    return dict(options)


def _size(size: Any) -> tuple[int, int]:
    """Height and width; one number for both."""
    sides = size if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and 4 <= side <= LARGEST_SIDE for side in sides):
        raise UserError(
            f"view_size is a number of pixels from 4 to {LARGEST_SIDE}, or height and width as [24,32], not {size!r}."
        )
    return sides[0], sides[1]
