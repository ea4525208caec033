"""The configuration of a perception run: everything needed to repeat it, in one frozen dataclass."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from rlkit.classes import Classes
from rlkit.config import versions
from rlkit.errors import UserError
from rlkit.perception.training.recipe import PRESETS

LARGEST = {"steps": 10**12, "seed": 2**63 - 1, "select_freq": 10**12, "save_freq": 10**12}
FORMAT = "perception-1"  # another than that of an agent's run, so that neither is taken for the other


@dataclass(frozen=True)
class TrainingConfig:
    """Everything needed to repeat the training of a segmentation network.

    Args:
        data: "sim", "env:ID" or a folder's absolute path.
        env_kwargs: Arguments of the environment, where pictures come from one.
        held_out: Share of a folder's training pictures that the best weights are chosen by.
        size: Height and width of the pictures.
        classes: What the labels mean.
        pictures: How many there are to learn from; None where they never end.
        network: A name of `networks.NETWORKS`, or `my_package:MyNet`.
        preset: Name of the preset that the recipe came from.
        recipe: All hyperparameters, written out.
        steps: Budget in steps of gradient descent.
        seed: The one seed that fixes everything.
        device: "cpu" or "cuda".
        select_freq: Steps between selections of the best weights.
        save_freq: Steps between checkpoints; 0 for one at the end only.
        start: Where the weights began: "" for chance, else the file with its digest.
        versions: Of Python and of the packages that numbers may depend on.
    """

    data: str
    env_kwargs: Mapping[str, Any]
    held_out: float
    size: tuple[int, int]
    classes: Classes
    pictures: int | None
    network: str
    preset: str
    recipe: Mapping[str, Any]
    steps: int
    seed: int
    device: str
    select_freq: int
    save_freq: int
    start: str = ""
    versions: Mapping[str, str] = field(default_factory=versions)

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            UserError: Naming the option, what was given and what is allowed.
        """
        for name, low in {"steps": 1, "seed": 0, "select_freq": 1, "save_freq": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= LARGEST[name]:
                raise UserError(
                    f"--{name.replace('_', '-')} {value!r}: expected a whole number of at least {low} and at most "
                    f"{LARGEST[name]:,}"
                )
        for name in ("data", "network", "preset", "start"):
            if not isinstance(getattr(self, name), str):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected a text")
        for name in ("env_kwargs", "recipe", "versions"):
            if not isinstance(getattr(self, name), Mapping):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected an object")
        if isinstance(self.held_out, bool) or not isinstance(self.held_out, int | float) or not 0 <= self.held_out < 1:
            raise UserError(f"--held-out {self.held_out!r}: expected a share from 0 to less than 1")
        if self.pictures is not None and (type(self.pictures) is not int or self.pictures < 1):
            raise UserError(f"pictures = {self.pictures!r}: expected a number of pictures, or null")
        if self.device not in ("cpu", "cuda"):
            raise UserError(f"device = {self.device!r}: expected cpu or cuda")

    def to_json(self) -> dict[str, Any]:
        """A tree that JSON can hold."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"format": FORMAT, **plain, "size": list(self.size), "classes": self.classes.to_json()}

    @classmethod
    def from_json(cls, plain: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            UserError: It is from a newer version, or not the configuration of a perception run.
        """
        if not isinstance(plain, Mapping) or plain.get("format") != FORMAT:
            given = plain.get("format") if isinstance(plain, Mapping) else type(plain).__name__
            raise UserError(f"this is no configuration of a perception run of format {FORMAT} (given: {given})")
        values = {key: value for key, value in plain.items() if key != "format"}
        odd = sorted(values.keys() ^ {field.name for field in dataclasses.fields(cls)})
        if odd:
            raise UserError(f"the configuration of the perception run lacks or has too much: {', '.join(odd)}")
        size = values["size"]
        if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
            raise UserError(f"size = {size!r}: expected height and width in pixels")
        if values["preset"] not in PRESETS:
            raise UserError(f"preset = {values['preset']!r}: expected one of {', '.join(PRESETS)}")
        return cls(**{**values, "size": (size[0], size[1]), "classes": Classes.from_json(values["classes"])})


def is_perception_config(plain: Any) -> bool:
    """Whether a run folder's config.json is that of a perception run."""
    return isinstance(plain, Mapping) and str(plain.get("format", "")).startswith("perception-")
