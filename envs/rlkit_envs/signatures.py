"""Environments that take their settings as keyword arguments, and show them to who asks what there is."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Made = TypeVar("Made")


def shows_fields(settings: type[Any]) -> Callable[[type[Made]], type[Made]]:
    """Let `help`, editors and error messages see the fields of a dataclass in a class that takes them as `**kwargs`."""

    def shown(environment: type[Made]) -> type[Made]:
        # Those of every class that the keyword arguments pass through, the nearest of a name first.
        parameters: dict[str, inspect.Parameter] = {}
        for ancestor in environment.__mro__:
            if "__init__" not in vars(ancestor) or ancestor is object:
                continue
            shown_here = list(inspect.signature(vars(ancestor)["__init__"]).parameters.values())[1:]
            for parameter in shown_here:
                if parameter.kind is not parameter.VAR_KEYWORD:
                    parameters.setdefault(parameter.name, parameter)
            if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in shown_here):
                break
        own = list(parameters.values())
        fields = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for field in dataclasses.fields(settings)
        ]
        environment.__signature__ = inspect.Signature(own + fields)  # type: ignore[attr-defined]
        return environment

    return shown
