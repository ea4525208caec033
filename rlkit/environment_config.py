"""The description of an environment that a run stores, so that the same one can be made again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from rlkit.errors import UserError
from rlkit.frame_options import FrameOptions
from rlkit.perception.perception_config import PerceptionConfig, choose_perception
from rlkit.plugins import did_you_mean
from rlkit.specs import code_of

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
class EnvironmentConfig:
    """Everything that is needed to make the same environment again; it is stored in the run.

    Args:
        id: `CartPole-v1`, `my_pkg.module:MyEnv-v0`, `my_pkg.module:MyEnv` or `path/to/file.py:MyEnv`.
        kwargs: Arguments of the environment; JSON values only. `max_episode_steps` limits the episodes of any, and
            those of `frame_options.FrameOptions` and `stepping_options.SteppingOptions` say what to make of its frames
            and how it is stepped.
        frame_stack: How many frames of a picture lie behind each other; None chooses by
            `preprocessing.default_frame_stack`. `Environments.config` holds the number that was chosen.
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

    def with_kwargs(self, kwargs: Mapping[str, Any]) -> "EnvironmentConfig":
        """The same with these arguments; where both have one, the new one holds."""
        return replace(self, kwargs={**self.kwargs, **kwargs})

    def with_defaults(self, kwargs: Mapping[str, Any]) -> "EnvironmentConfig":
        """The same with these arguments where it has none of its own."""
        return replace(self, kwargs={**kwargs, **self.kwargs})

    def seen_by(
        self, perception: str | Path | PerceptionConfig | None, options: Mapping[str, Any] | None = None
    ) -> "EnvironmentConfig":
        """The same with other perception.

        Args:
            perception: As `perception_config.choose_perception` takes it, or a whole description.
            options: Of perception, those that differ.

        Raises:
            UserError: There is no such model or option, or a value cannot be.
        """
        base = self.perception
        if isinstance(perception, PerceptionConfig):
            base, perception = perception, None
        return replace(self, perception=choose_perception(perception, options, base))

    def located(self, folder: Path) -> "EnvironmentConfig":
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
