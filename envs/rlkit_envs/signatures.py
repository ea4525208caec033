"""Environments that take their settings as keyword arguments, and show them to who asks what there is."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Made = TypeVar("Made")


def shows_fields(settings: type[Any]) -> Callable[[type[Made]], type[Made]]:
    """Let `help`, editors and error messages see the fields of a dataclass in a class that takes them as `**kwargs`."""

    def shown(environment: type[Made]) -> type[Made]:
        own = [
            parameter
            for parameter in inspect.signature(environment.__init__).parameters.values()
            if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD
        ]
        fields = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
            for field in dataclasses.fields(settings)
        ]
        environment.__signature__ = inspect.Signature(own + fields)  # type: ignore[attr-defined]
        return environment

    return shown
