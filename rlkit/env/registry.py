"""From an environment's id to its Gymnasium specification and to a single environment.

An id has one of four forms: a registered environment (`CartPole-v1`, `rlkit/Driving-v0`), a module that registers one
(`my_pkg.envs:MyEnv-v0`) or defines its class (`my_pkg.envs:MyEnv`), or a file that defines its class
(`path/to/file.py:MyEnv`). Exceptions of constructors become a `UserError`.
"""

import contextlib
import functools
import hashlib
import importlib
import inspect
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar, cast

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator

from rlkit.env.config import OPTION_NAMES, RESERVED_KWARGS, code_of
from rlkit.env.wrappers import FrameSkip
from rlkit.errors import UserError, describe_error
from rlkit.plugins import begins_with, load_environments
from rlkit.utils.parsing import did_you_mean

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Gymnasium's own extra installs pygame-ce, which overwrites pygame.
_BETTER_HINTS = {"gymnasium[box2d]": "pip install box2d"}


def find_spec(environment_id: str, allow_code: bool = True) -> EnvSpec:
    """Find the specification of an id, importing the code that it names.

    Args:
        environment_id: In one of the four forms.
        allow_code: Whether a module or file in the id may be imported; false for ids from a run folder.

    Raises:
        UserError: There is no such environment, or its code is missing, fails to import or may not be imported.
    """
    if not environment_id:
        raise UserError("An environment's id is needed, for instance CartPole-v1; `rlkit envs` lists them.")
    code = code_of(environment_id)
    if code is None:
        return _registered(environment_id)
    if not allow_code:
        raise UserError(
            f"This needs the code of {environment_id!r}, which is not imported unless requested. "
            f"If you trust it, name it again, after the command: rlkit train {environment_id} ..."
        )
    name = environment_id.rpartition(":")[2]
    if code.endswith(".py"):
        return _from_file(Path(code).expanduser(), "" if code == environment_id else name)
    return _from_module(code, name)


def code_in(kwargs: Mapping[str, Any], spec: EnvSpec) -> str | None:
    """Find an argument that names code to import, such as `other_vehicles_type="my_module.MyCar"`.

    Code of the environment's own package does not count.

    Args:
        kwargs: Arguments of the environment, searched recursively.
        spec: Of the environment.

    Returns:
        The name of the first such argument, or None.
    """
    own = {_package_of(entry_point) for entry_point in (spec.entry_point, spec.vector_entry_point)}
    for name, value in kwargs.items():
        if any(_is_code(text) and re.split("[.:]", text)[0] not in own for text in _texts_in(value)):
            return name
    return None


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from (*_texts_in(key), *_texts_in(part))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts_in(part)


def _is_code(text: str) -> bool:
    """Whether a string names a Python file, or an attribute of an importable module."""
    if text.endswith(".py") or ".py:" in text:
        return True
    if not re.fullmatch(r"[^\W\d]\w*([.:][^\W\d]\w*)+", text):
        return False
    name = re.split("[.:]", text)[0]
    if any((Path.cwd() / entry).exists() for entry in (name, f"{name}.py")):
        return True
    try:
        return importlib.util.find_spec(name) is not None  # imports nothing for a name without dots
    except (ImportError, ValueError):
        return False


def _package_of(entry_point: Any) -> str:
    module = entry_point.partition(":")[0] if isinstance(entry_point, str) else getattr(entry_point, "__module__", "")
    return str(module).partition(".")[0]


def _registered(environment_id: str) -> EnvSpec:
    # Gymnasium's own ids need no plug-ins, which take time to import. A plug-in may replace any other registered id.
    spec = gymnasium.registry.get(environment_id)
    if spec is not None and str(spec.entry_point).startswith("gymnasium."):
        return spec
    problems = load_environments(environment_id)
    if environment_id not in gymnasium.registry:
        problems = load_environments()
    spec = gymnasium.registry.get(environment_id)
    atari = current_atari_id(environment_id)
    if spec is not None:
        if atari is not None and atari in gymnasium.registry:
            _hint_at_preprocessing(environment_id, atari)
        return spec
    offers = [problem for problem in problems if problem.error is None]
    for problem in offers:
        if begins_with(environment_id, problem.name):
            raise UserError(f"The environment {environment_id!r} needs an extra: {problem.remedy}", exit_code=1)
    meant = did_you_mean(environment_id, gymnasium.registry)
    failed = [problem.name for problem in problems if problem.error is not None]
    hint = "" if atari is None else f" This Atari game is {atari}, with frame skip and small gray pictures."
    if failed:
        hint += f" It may belong to a plug-in that did not load: {', '.join(failed)}."
    if offers and not meant:
        hint += f" It may be one of an extra: {' or '.join(dict.fromkeys(problem.remedy for problem in offers))}."
    raise UserError(
        f"There is no environment called {environment_id!r}.{meant}{hint} "
        "`rlkit envs` lists them; your own is my_package.module:MyEnv-v0 or path/to/file.py:MyEnv."
    )


def current_atari_id(environment_id: str) -> str | None:
    """`ALE/Pong-v5` for `PongNoFrameskip-v4`, `PongDeterministic-v4` or `Pong-v0`; None for other ids.

    Ids without `NoFrameskip` or `Deterministic` have to be among those that are registered.
    """
    found = re.fullmatch(r"(\w+?)(-ram)?(NoFrameskip|Deterministic)?-v\d+", environment_id)
    if found is None:
        return None
    current = f"ALE/{found[1]}-v5"
    return current if found[3] or current in gymnasium.registry else None


@functools.cache
def _hint_at_preprocessing(environment_id: str, current: str) -> None:
    _log.warning(
        "%s has the emulator's own pictures of 210×160 pixels; %s is the same game with frame skip and gray pictures "
        "of 84×84, as published results have it",
        environment_id,
        current,
    )


def _from_module(module_name: str, name: str) -> EnvSpec:
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise UserError(
            f"{module_name + ':' + name!r} names no environment: before the colon goes a module (my_package.module) "
            "or a file that ends in .py."
        )
    # The current folder comes last, so that it hides no installed package.
    _make_importable(Path.cwd())
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise UserError(
                f"There is no module {error.name!r}: it is neither installed nor in the current folder, {Path.cwd()}."
            ) from error
        raise _import_failure(module_name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failure(module_name, error) from error
    spec = gymnasium.registry.get(name)
    if spec is not None:
        return spec
    if hasattr(module, name):
        return _spec_of_class(getattr(module, name), name, module_name)
    choices = _ids_from(module) + _environment_classes(module)
    known = (
        f" It offers {', '.join(choices)}." if choices else " It registers no environment and holds no class of one."
    )
    raise UserError(f"The module {module_name!r} has no environment {name!r}.{known}")


def _from_file(path: Path, name: str) -> EnvSpec:
    if not path.is_file():
        raise UserError(f"There is no file {str(path)!r}.")
    module = _load_file(path.resolve())
    if name and hasattr(module, name):
        return _spec_of_class(getattr(module, name), name, str(path))
    classes = _environment_classes(module)
    found = f"It holds {', '.join(classes)}." if classes else "It holds no subclass of gymnasium.Env."
    if not name:
        example = classes[0] if classes else "MyEnv"
        raise UserError(f"The class in {str(path)!r} has to be named, as in {path}:{example}. {found}")
    raise UserError(f"There is no class {name!r} in {str(path)!r}. {found}")


def _load_file(path: Path) -> ModuleType:
    """Import a file under a unique module name; again if the file has changed."""
    stamp = hashlib.sha256(f"{path}:{path.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    module_name = f"rlkit_file_{path.stem}_{stamp}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    found = importlib.util.spec_from_file_location(module_name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    _make_importable(path.parent)  # for imports of its neighbours
    sys.modules[module_name] = module
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise _import_failure(str(path), error) from error
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _make_importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _spec_of_class(creator: Any, name: str, where: str) -> EnvSpec:
    if isinstance(creator, type) and issubclass(creator, gymnasium.vector.VectorEnv):
        return EnvSpec(id=name, vector_entry_point=cast(Any, creator))
    if isinstance(creator, type) and not issubclass(creator, gymnasium.Env):
        raise UserError(
            f"{name!r} in {where!r} is not a subclass of gymnasium.Env (rlkit needs Gymnasium's, not gym's)."
        )
    if not callable(creator):
        raise UserError(f"{name!r} in {where!r} is a {type(creator).__name__}, not a class of an environment.")
    return EnvSpec(id=name, entry_point=creator)


def _environment_classes(module: ModuleType) -> list[str]:
    """Names of the environment classes that a module defines."""
    kinds = (gymnasium.Env, gymnasium.vector.VectorEnv)
    return sorted(
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, kinds) and value.__module__ == module.__name__
    )


def _ids_from(module: ModuleType) -> list[str]:
    """Registered ids of the package of a module."""
    package = module.__name__.partition(".")[0]
    return sorted(
        spec.id
        for spec in gymnasium.registry.values()
        if isinstance(spec.entry_point, str) and spec.entry_point.partition(":")[0].partition(".")[0] == package
    )


def _import_failure(what: str, error: BaseException) -> UserError:
    return UserError(f"{what!r} cannot be imported: {describe_error(error)}", exit_code=1)


def make_single(
    spec: EnvSpec, kwargs: Mapping[str, Any], render_mode: str | None = None, frame_skip: int = 1
) -> gymnasium.Env[Any, Any]:
    """Make one environment, without Gymnasium's checker.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, or fails.
    """
    check_booleans(spec, kwargs)
    arguments = dict(kwargs) if render_mode is None else {**kwargs, "render_mode": render_mode}
    return guarded(spec, lambda: _single(spec, arguments, frame_skip), kwargs)


def spec_metadata(spec: EnvSpec) -> dict[str, Any]:
    """Read an environment's metadata from its class, or else from an instance.

    Raises:
        UserError: The environment's code does not import, or it lacks a package.
    """
    for entry_point in (spec.entry_point, spec.vector_entry_point):
        if entry_point is None:
            continue
        creator = guarded(spec, partial(load_creator, entry_point))
        metadata = getattr(creator, "metadata", None)
        if isinstance(metadata, Mapping):
            return dict(metadata)
    if spec.entry_point is None:
        return {}
    made = guarded(spec, lambda: gymnasium.make(spec, disable_env_checker=True))
    try:
        return dict(made.metadata)
    finally:
        made.close()


def accepted_arguments(spec: EnvSpec) -> set[str]:
    """Names of the arguments in an environment's signature; none if its code cannot be imported."""
    names = set(spec.kwargs)
    for entry_point in (spec.entry_point, spec.vector_entry_point):
        if entry_point is not None:
            with contextlib.suppress(Exception):
                names.update(p.name for p in _parameters(load_creator(entry_point)) if p.kind is not p.VAR_KEYWORD)
    return names


def check_booleans(spec: EnvSpec, kwargs: Mapping[str, Any]) -> None:
    """Refuse words such as no and off for boolean parameters, in which Python takes any text as true.

    Raises:
        UserError: A boolean parameter has a text.
    """
    texts = {name: value for name, value in kwargs.items() if isinstance(value, str)}
    if not texts:
        return
    boolean = {name for name, value in spec.kwargs.items() if isinstance(value, bool)}
    for entry_point in (spec.entry_point, spec.vector_entry_point):
        if entry_point is not None:
            with contextlib.suppress(Exception):
                boolean.update(p.name for p in _parameters(load_creator(entry_point)) if isinstance(p.default, bool))
    for name, text in texts.items():
        if name in boolean:
            meant = {"no": "false", "off": "false", "n": "false", "f": "false"}.get(text.lower(), "true or false")
            raise UserError(f"{name}={text} is a text, and {spec.id} expects true or false: type {name}={meant}.")


def check_render_mode(spec: EnvSpec, render_mode: str) -> None:
    """Refuse a render mode that an environment does not support.

    Raises:
        UserError: It is not supported, or the environment's code does not import or lacks a package.
    """
    offered = list(spec_metadata(spec).get("render_modes") or ())
    # Gymnasium wraps `rgb_array` in a window for `human`.
    if render_mode not in offered and not (render_mode == "human" and "rgb_array" in offered):
        shown = ", ".join(str(mode) for mode in offered) or "none"
        raise UserError(f"{spec.id} cannot be shown with render_mode {render_mode!r}; it offers: {shown}.")


def accepts(creator: Callable[..., Any], name: str) -> bool:
    """Whether a constructor takes an argument of this name."""
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in _parameters(creator))


def load_creator(entry_point: Any) -> Callable[..., Any]:
    """Import the constructor of an entry point; exceptions of the import pass through."""
    if callable(entry_point):
        return entry_point  # type: ignore[no-any-return]
    creator: Callable[..., Any] = load_env_creator(entry_point)
    return creator


def guarded(spec: EnvSpec, make: Callable[[], T], kwargs: Mapping[str, Any] = MappingProxyType({})) -> T:
    """Convert exceptions of an environment's constructor to a `UserError`.

    Args:
        spec: Of the environment.
        make: Calls the constructor.
        kwargs: Its arguments. Packages that these name are not recommended for installation, since they may come from
            an untrusted file.

    Raises:
        UserError: The constructor raised an exception.
    """
    try:
        return make()
    except UserError:
        raise
    except gymnasium.error.DependencyNotInstalled as error:
        hint = next((better for advised, better in _BETTER_HINTS.items() if advised in str(error)), str(error))
        raise UserError(f"{spec.id} needs a package that is missing: {hint}", exit_code=1) from error
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        named_by_file = package and package in json.dumps(dict(kwargs), default=str)
        hint = f"pip install {package}" if package and not named_by_file else str(error)
        raise UserError(f"{spec.id} needs a package that is missing: {hint}", exit_code=1) from error
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None:
            raise _failure(spec, error) from error
        raise UserError(_unknown_argument(spec, unknown.group(1))) from error
    except Exception as error:
        raise _failure(spec, error) from error


def _single(spec: EnvSpec, kwargs: Mapping[str, Any], frame_skip: int) -> gymnasium.Env[Any, Any]:
    # Gymnasium's checker costs more than a step of CartPole.
    env: gymnasium.Env[Any, Any] = gymnasium.make(spec, disable_env_checker=True, **kwargs)
    return FrameSkip(env, frame_skip) if frame_skip > 1 else env


def _parameters(creator: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(creator).parameters.values())
    except (TypeError, ValueError):
        return []


def _unknown_argument(spec: EnvSpec, name: str) -> str:
    accepted: list[str] = []
    with contextlib.suppress(Exception):
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        parameters = _parameters(load_creator(spec.entry_point or spec.vector_entry_point))
        accepted = [p.name for p in parameters if p.kind in kinds and p.name not in RESERVED_KWARGS]
    accepted += ["max_episode_steps", *OPTION_NAMES]
    return (
        f"{spec.id} takes no argument {name!r}.{did_you_mean(name, accepted)} It accepts: "
        f"{', '.join(dict.fromkeys(accepted))}."
    )


def _failure(spec: EnvSpec, error: Exception) -> UserError:
    return UserError(f"{spec.id} could not be made: {describe_error(error)}", exit_code=1)
