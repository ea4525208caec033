"""What a process that steps environments is told, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gymnasium.envs.registration import EnvSpec

from rlkit.errors import UserError
from rlkit.foreign_errors import DescribedError

CLOSE = "close"  # the request that ends a worker; all others are names of methods of `child.Share`
Jobs = list[tuple[int, tuple[Any, ...]]]
"""Which environments are to do what was requested, in this order, and with which arguments."""


@dataclass(frozen=True)
class Blueprint:
    """What a worker makes its environments from; the very things that they are made from in one process.

    Args:
        id: In one of the forms that `specs.find_spec` understands.
        spec: The specification as JSON; None where it holds code.
        kwargs: Arguments of the environment, `render_mode` among them.
        frame_skip: Steps of the environment per action.
    """

    id: str
    spec: str | None
    kwargs: Mapping[str, Any]
    frame_skip: int


@dataclass(frozen=True)
class Answer:
    """What one environment answers to one request.

    Args:
        kind: Whether `value` is what was asked for, or why there is none: one line on an error in the environment's
            code, a UserError's sentence and exit code, or the name of a method that it does not have.
        value: Of that kind.
    """

    kind: Literal["value", "failed", "refused", "missing"]
    value: Any

    def taken(self) -> Any:
        """The value.

        Raises:
            DescribedError: The environment's code failed.
            UserError: It refused what was asked.
            AttributeError: It has no such method.
        """
        if self.kind == "failed":
            raise DescribedError(self.value)
        if self.kind == "refused":
            sentence, exit_code = self.value
            raise UserError(sentence, exit_code)
        if self.kind == "missing":
            raise AttributeError(self.value)
        return self.value


def spec_as_json(spec: EnvSpec) -> str | None:
    """A specification as text; None where it holds code, or arguments that JSON does not know."""
    try:
        return spec.to_json()
    except (TypeError, ValueError):
        return None
