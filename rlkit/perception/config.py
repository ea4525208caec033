"""Configuration of the perception pipeline: model, view, objects and corruptions. A run stores it as JSON."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from rlkit.errors import UserError
from rlkit.utils import paths
from rlkit.utils.parsing import did_you_mean

CAMERA = "camera"  # observations that the pipeline reads
SEGMENTATION = "segmentation"
DRIVABLE = "drivable"  # observation that it returns
TRUTH = "truth"
NONE = "none"
PRETRAINED = "pretrained:"  # begins the name of something that ships
View = Literal["birdview", "camera"]
NoiseKind = Literal["all", "boundary", "blobs", "patches", "pixels"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]

BIRDVIEW_SIZE = (24, 24)
CAMERA_REDUCTION = 4  # default ratio of the camera image's sides to the camera view's
MAX_SIDE = 512  # pixels of a view
MAX_LATENCY = 100  # decisions
MAX_GHOSTS = 20.0  # per image


@dataclass(frozen=True)
class PerceptionConfig:
    """How the camera image is replaced by the drivable area and the objects on it.

    Args:
        what: `truth` for the labels of a simulator, else the file of a segmentation model or a detector.
        digest: SHA-256 of that file, to detect a changed model; "" for truth.
        view: `birdview`: warped to the ground plane. `camera`: the camera's perspective at reduced size.
        view_size: Height and width of the view in pixels; None for 24×24 (birdview) or a quarter of the image's sides
            (camera).
        metres_per_pixel: Of the bird's-eye view.
        soft: Show the probability that a pixel is drivable rather than a binary mask, which is faster and resembles the
            ground truth.
        objects: Whether the view has a second channel, the cells that objects occupy. None: where they are known, by
            the environment's boxes (truth) or a detector; `VecEnv.config` holds what was chosen.
        missed: Probability that an object is missed in an image.
        ghosts: Mean number of objects per image that are not there.
        noise: Strength of the noise on the drivable area, 0 (none) to 1; see `corruptions`.
        noise_kind: One kind of noise, or `all` of them.
        latency: Delay of the view, in decisions.
        dropped: Probability that a frame is dropped and the previous view repeated.
        device: Of the model; `auto` uses a GPU if there is one.
        precision: Of the model; bfloat16 is faster on CPUs that support it.
        network: `my_package:MyNet` if the model's network is the user's own code. It is imported only if given here and
            never stored: a file cannot make rlkit import code.

    Raises:
        UserError: A value has the wrong type or is out of range.
    """

    what: str = TRUTH
    digest: str = ""
    view: View = "birdview"
    view_size: tuple[int, int] | None = None
    metres_per_pixel: float = 2.0
    soft: bool = False
    objects: bool | None = None
    missed: float = 0.0
    ghosts: float = 0.0
    noise: float = 0.0
    noise_kind: NoiseKind = "all"
    latency: int = 0
    dropped: float = 0.0
    device: Device = "auto"
    precision: Precision = "float32"
    network: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.what, str) or not isinstance(self.digest, str) or not self.what:
            raise UserError(f"Perception must be {TRUTH!r} or the file of a model with its digest, not {self.what!r}.")
        if not isinstance(self.network, str):
            raise UserError(f"network must be a string such as my_package:MyNet, not {self.network!r}.")
        for name, choices in (("view", View), ("noise_kind", NoiseKind), ("device", Device), ("precision", Precision)):
            if getattr(self, name) not in get_args(choices):
                raise UserError(f"{name} must be one of {', '.join(get_args(choices))}, not {getattr(self, name)!r}.")
        if self.view_size is not None:
            object.__setattr__(self, "view_size", _size(self.view_size))
        if not isinstance(self.soft, bool):
            raise UserError(f"soft must be true or false, not {self.soft!r}.")
        if not (self.objects is None or isinstance(self.objects, bool)):
            raise UserError(f"objects must be true or false, not {self.objects!r}.")
        for name, low, high in (
            ("metres_per_pixel", 0.1, 8.0),
            ("missed", 0.0, 1.0),
            ("ghosts", 0.0, MAX_GHOSTS),
            ("noise", 0.0, 1.0),
            ("dropped", 0.0, 1.0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise UserError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}.")
            object.__setattr__(self, name, float(value))
        if type(self.latency) is not int or not 0 <= self.latency <= MAX_LATENCY:
            raise UserError(
                f"latency must be an integer number of decisions from 0 to {MAX_LATENCY}, not {self.latency!r}."
            )

    @property
    def is_truth(self) -> bool:
        """Whether the drivable area is the simulator's ground truth."""
        return self.what == TRUTH

    def located(self, folder: Path) -> Self:
        """Resolve the model's file against the folder of the run that stores this configuration.

        Raises:
            UserError: The path is absolute, or leads out of the folder.
        """
        if self.is_truth:
            return self
        return dataclasses.replace(self, what=str(paths.path_inside(folder, self.what).absolute()))

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts."""
        stored = {name: value for name, value in dataclasses.asdict(self).items() if name != "network"}
        return stored | {"view_size": None if self.view_size is None else list(self.view_size)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            UserError: The tree has another form, or names a network's code, which only the user may do.
        """
        if not isinstance(tree, Mapping):
            raise UserError(f"The perception configuration must be an object, not {tree!r}.")
        if "network" in tree:
            raise UserError(
                f"It names the code of a network, {tree['network']!r}, which no run stores. If you trust that code, "
                "remove the entry and name it on the command line: --perception-kwargs network=my_package:MyNet"
            )
        # Runs of before there were objects have a view of the drivable area alone.
        return cls(**{"objects": False} | _known(tree, OPTIONS | {"what", "digest"}))


OPTIONS = frozenset(option.name for option in dataclasses.fields(PerceptionConfig)) - {"what", "digest"}
"""Options of `--perception-kwargs`."""


def choose_perception(
    what: str | Path | None, options: Mapping[str, Any] | None = None, base: PerceptionConfig | None = None
) -> PerceptionConfig | None:
    """Make the configuration from the command line's options.

    Args:
        what: `truth`, `none`, or a segmentation model or detector as accepted by `perception.model.find_model`; None
            keeps that of `base`.
        options: Values for some of `OPTIONS`.
        base: The configuration to change.

    Returns:
        None without perception: the policy receives the environment's own observations.

    Raises:
        UserError: There is no such model or option, or a value is invalid.
    """
    changed = _known(options or {}, OPTIONS)
    if (what is None and base is None) or what == NONE:
        if changed:
            raise UserError("--perception-kwargs has no effect without --perception: add it.")
        return None
    if what is None or what == TRUTH:
        source: dict[str, Any] = {} if what is None else {"what": TRUTH, "digest": ""}
    else:
        from rlkit.perception.model import find_model
        from rlkit.utils.io import sha256

        path = find_model(what).absolute()
        source = {"what": str(path), "digest": sha256(path)}
    return dataclasses.replace(base or PerceptionConfig(), **source, **changed)


def _known(options: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    for name in options:
        if name not in names:
            raise UserError(
                f"Perception has no option {name!r}.{did_you_mean(name, names)} Known: {', '.join(sorted(names))}."
            )
    return dict(options)


def _size(size: Any) -> tuple[int, int]:
    """Height and width; a single number for both."""
    sides = size if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(type(side) is int and 4 <= side <= MAX_SIDE for side in sides):
        raise UserError(
            f"view_size must be a number of pixels from 4 to {MAX_SIDE}, or height and width as [24,32], not {size!r}."
        )
    return sides[0], sides[1]
