"""Discovery of environments and agents in installed packages, by entry points.

A package declares them in two groups of its `pyproject.toml`:

    [project.entry-points."rlkit.envs"]      value: a module whose import registers environments with Gymnasium,
    my_package = "my_package.environments"   or module:function, which is called to do so

    [project.entry-points."rlkit.agents"]    value: a subclass of `rlkit.agent.Agent`
    my_agent = "my_package.agents:MyAgent"

rlkit's own are found in the same way. An entry point may name an extra of its distribution (`ALE = "ale_py [atari]"`).
If its module, or a package of the extra, is not installed, no warning is printed, and an unknown id that begins with
the entry point's name (`ALE/...`, `ALE-...`) is reported with the extra to install. Such a plug-in is loaded only for
ids that begin with its name, for ids that are otherwise unknown, and to list all environments.
"""

import functools
import logging
import re
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from rlkit.agent import Agent
from rlkit.errors import UserError, describe_error
from rlkit.utils.parsing import did_you_mean

ENVIRONMENTS_GROUP = "rlkit.envs"
AGENTS_GROUP = "rlkit.agents"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PluginProblem:
    """Why a plug-in's environments are not available.

    Args:
        name: Of its entry point.
        distribution: The package that declares it.
        error: One-line description of the exception; None if only the extra is missing.
        remedy: What to do, such as a pip command.
    """

    name: str
    distribution: str
    error: str | None
    remedy: str


def load_environments(environment_id: str | None = None) -> tuple[PluginProblem, ...]:
    """Let installed plug-ins register their environments with Gymnasium, once per process.

    A plug-in that fails is skipped with a one-line warning.

    Args:
        environment_id: The wanted id. Plug-ins with an extra, which may take seconds to import, are loaded only if the
            id begins with their name. None loads all.

    Returns:
        The plug-ins that did not load.
    """
    wanted = [
        entry
        for entry in _entry_points(ENVIRONMENTS_GROUP)
        if environment_id is None or not entry.extras or begins_with(environment_id, entry.name)
    ]
    return tuple(problem for problem in map(load_plugin, wanted) if problem is not None)


def begins_with(environment_id: str, name: str) -> bool:
    """Whether an id has this namespace or prefix: `ALE/Pong-v5` of `ALE`, `MiniGrid-Empty-8x8-v0` of `MiniGrid`."""
    return re.split("[/-]", environment_id)[0] == name


@functools.cache
def load_plugin(entry: EntryPoint) -> PluginProblem | None:
    """Let a plug-in register its environments, once per process. Returns None on success."""
    try:
        loaded = entry.load()
        if callable(loaded) and not isinstance(loaded, ModuleType):
            loaded()
    except (Exception, SystemExit) as error:
        distribution = _distribution(entry)
        if entry.extras and (_is_missing(error, entry.module) or _lacks_extra(error, entry)):
            extra = f'pip install "{distribution}[{",".join(entry.extras)}]"'
            return PluginProblem(entry.name, distribution, None, extra)
        what = describe_error(error)
        _log.warning("The environments of plug-in %r (%s) are skipped: %s", entry.name, distribution, what)
        return PluginProblem(entry.name, distribution, what, f"fix or uninstall {distribution}")
    return None


def environment_ids() -> dict[str, list[str]]:
    """List the newest version of each available environment, grouped by package.

    Older versions are available by their full id, as are ids without a namespace of packages that were imported by a
    plug-in, such as ale-py's old ones.

    Returns:
        Package name to sorted ids; Gymnasium's own groups last, as `gymnasium.classic_control` and so on.
    """
    load_environments()
    import gymnasium

    newest: dict[tuple[str | None, str], tuple[int, str]] = {}
    for spec in gymnasium.registry.values():
        version = -1 if spec.version is None else spec.version
        key = (spec.namespace, spec.name)
        newest[key] = max(newest.get(key, (version, spec.id)), (version, spec.id))

    offering = {"gymnasium", *(entry.module.partition(".")[0] for entry in _entry_points(ENVIRONMENTS_GROUP))}
    groups: dict[str, list[str]] = defaultdict(list)
    for _, environment_id in newest.values():
        spec = gymnasium.registry[environment_id]
        creator = spec.entry_point or spec.vector_entry_point
        module = creator.partition(":")[0] if isinstance(creator, str) else getattr(creator, "__module__", "unknown")
        parts = module.split(".")
        if spec.namespace is None and parts[0] not in offering:
            continue
        group = f"gymnasium.{parts[2]}" if parts[:2] == ["gymnasium", "envs"] and len(parts) > 2 else parts[0]
        groups[group].append(environment_id)
    order = sorted(groups, key=lambda group: (group.startswith("gymnasium"), group))
    return {group: sorted(groups[group]) for group in order}


def agent_names() -> list[str]:
    """List the values of `--algo`, sorted."""
    return sorted({entry.name for entry in _entry_points(AGENTS_GROUP)})


def agent_class(name: str) -> type[Agent]:
    """Load an agent class by name.

    Args:
        name: Name of an entry point in the group `rlkit.agents`.

    Raises:
        UserError: There is no such agent (similar names are suggested), or its code does not load.
    """
    entries = [entry for entry in _entry_points(AGENTS_GROUP) if entry.name == name]
    if not entries:
        names = agent_names()
        known = f"Known agents: {', '.join(names)}." if names else "No package with agents is installed."
        raise UserError(f"There is no agent called {name!r}.{did_you_mean(name, names)} {known}")
    entry = entries[0]
    if len(entries) > 1:
        offers = ", ".join(_distribution(other) for other in entries)
        _log.warning("Several packages have an agent called %r (%s): the first is used.", name, offers)
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:
        raise UserError(
            f"The agent {name!r} of {_distribution(entry)} does not load: {describe_error(error)}", exit_code=1
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Agent)):
        raise UserError(
            f"The agent {name!r} of {_distribution(entry)} points at {entry.value}, "
            "which is not a subclass of rlkit.agent.Agent.",
            exit_code=1,
        )
    return loaded


def _entry_points(group: str) -> list[EntryPoint]:
    """Unique entry points in a fixed order; an editable install may list a distribution twice."""
    unique = {(entry.name, entry.value): entry for entry in entry_points(group=group)}
    return sorted(unique.values(), key=lambda entry: (_distribution(entry), entry.name))


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown package"


def _is_missing(error: BaseException, module: str) -> bool:
    """Whether the import failed because the module itself, or a parent package, does not exist."""
    return isinstance(error, ModuleNotFoundError) and (module + ".").startswith(f"{error.name}.")


def _lacks_extra(error: BaseException, entry: EntryPoint) -> bool:
    """Whether the import failed because of a missing package of the entry point's extras."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None or entry.dist is None:
        return False
    brought = set()
    for requirement in entry.dist.requires or ():
        package, _, marker = requirement.partition(";")
        name = re.match(r"[\w.-]+", package)
        if name and any(re.search(rf"extra\s*==\s*['\"]{re.escape(extra)}['\"]", marker) for extra in entry.extras):
            brought.add(_canonical(name[0]))
    return _canonical(error.name.partition(".")[0]) in brought


def _canonical(name: str) -> str:
    """A normalised package name (PEP 503); most modules have the name of their package."""
    return re.sub(r"[-_.]+", "-", name).lower()
