"""Code of a worker process: `python -m rlkit.env.subproc.child SOCKET TRACE`.

Both are file descriptors: the socket of requests and responses, and the file of tracebacks on a crash or SIGUSR1.
"""

import faulthandler
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.envs.registration import EnvSpec

    from rlkit.env.subproc.worker import Blueprint, Response


class EnvServer:
    """The environments of one worker; each method is a request for one of them.

    Args:
        blueprint: Description of the environments.
    """

    def __init__(self, blueprint: "Blueprint"):
        self._blueprint = blueprint
        self._envs: dict[int, gymnasium.Env[Any, Any]] = {}
        self._seeded = False

    def make(self, index: int) -> tuple[Any, Any, dict[str, Any], str | None]:
        """Make it; return observation space, action space, metadata and render mode."""
        from rlkit.env.registry import make_single
        from rlkit.env.wrappers import CheckedEnv

        plan = self._blueprint
        env = CheckedEnv(make_single(resolve_spec(plan), plan.kwargs, frame_skip=plan.frame_skip))
        self._envs[index] = env
        return env.observation_space, env.action_space, dict(env.metadata), env.render_mode

    def reset(self, index: int, seed: int | None, options: dict[str, Any] | None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; the first from a given seed also seeds the global generators."""
        if seed is not None and not self._seeded:
            from rlkit.env.seeding import seed_global_generators

            self._seeded = True
            seed_global_generators(seed)
        observation, info = self._envs[index].reset(seed=seed, options=options)
        return observation, info

    def step(self, index: int, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take one step."""
        observation, reward, terminated, truncated, info = self._envs[index].step(action)
        return observation, reward, terminated, truncated, info

    def offers(self, index: int, name: str) -> bool:
        """Whether it has a method or attribute of this name."""
        return self._envs[index].has_wrapper_attr(name)

    def call(self, index: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call its method, or read its attribute."""
        from rlkit.env.subproc.worker import Response

        if not self.offers(index, name):
            return Response("missing", f"{self._blueprint.id} has no attribute {name!r}")
        found = self._envs[index].get_wrapper_attr(name)
        return found(*args, **kwargs) if callable(found) else found

    def render(self, index: int) -> Any:
        """Render it."""
        return self._envs[index].render()

    def close(self) -> None:
        """Close all of them, also if one raises an exception."""
        for env in self._envs.values():
            try:
                env.close()
            except Exception as error:
                print(f"closing {self._blueprint.id} failed: {error}", file=sys.stderr)


def main() -> None:
    """Serve requests until the parent closes the worker or ends."""
    socket, trace = (int(number) for number in sys.argv[1:3])
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # handled by the parent
        signal.signal(number, lambda number, frame: None)
    faulthandler.enable(trace, all_threads=False)
    faulthandler.register(signal.SIGUSR1, trace, all_threads=False)
    threading.Thread(target=_end_with_parent, args=(socket,), daemon=True).start()
    import rlkit.env.registry  # noqa: F401 - what takes time to import, before any time is unwrap
    from rlkit.env.subproc.worker import CLOSE

    connection = Connection(socket)
    share = EnvServer(connection.recv())
    connection.send_bytes(b"ready")
    while True:
        try:
            request, jobs = connection.recv()
        except (EOFError, OSError):
            break
        if request == CLOSE:
            share.close()
            break
        for index, arguments in jobs:
            _send(connection, _respond(getattr(share, request), index, arguments))
    sys.stdout.flush()
    os._exit(0)  # does not wait for the environment's threads


def _end_with_parent(socket: int) -> None:
    """Wait until the parent closes its end of the socket, then kill this process and its subprocesses."""
    poll = select.poll()
    poll.register(socket, 0)  # hang-up only
    poll.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _respond(method: Callable[..., Any], index: int, arguments: tuple[Any, ...]) -> "Response":
    from rlkit.env.subproc.worker import Response
    from rlkit.errors import UserError, described

    try:
        value = method(index, *arguments)
    except UserError as error:
        return Response("refused", (str(error), error.exit_code))
    except (Exception, SystemExit) as error:
        return Response("failed", str(described(error)))
    return value if isinstance(value, Response) else Response("value", value)


def _send(connection: "Connection[Any, Any]", response: "Response") -> None:
    from rlkit.env.subproc.worker import Response

    try:
        packed = ForkingPickler.dumps(response)
    except Exception as error:
        entry = _unpicklable_entry(response.value)
        why = f"returned a result that cannot be sent to another process{entry}: {error}; use workers=0"
        packed = ForkingPickler.dumps(Response("failed", why))
    connection.send_bytes(packed)


def _unpicklable_entry(value: Any) -> str:
    """Name the entry of an info that cannot be pickled; empty if it is something else."""
    info = value[-1] if isinstance(value, tuple) and value else None
    for key, entry in info.items() if isinstance(info, dict) else ():
        try:
            ForkingPickler.dumps(entry)
        except Exception:
            return f" (info[{key!r}])"
    return ""


def resolve_spec(plan: "Blueprint") -> "EnvSpec":
    """Find the parent's specification, even if it was registered in that process only.

    Raises:
        UserError: It is unknown here, and the parent's contains code.
    """
    import gymnasium
    from gymnasium.envs.registration import EnvSpec

    from rlkit.env.config import code_of
    from rlkit.env.registry import find_spec
    from rlkit.env.subproc.worker import spec_as_json
    from rlkit.errors import UserError

    if plan.spec is not None and code_of(plan.id) is None and "/" not in plan.id and plan.id not in gymnasium.registry:
        return EnvSpec.from_json(plan.spec)  # does not load plug-ins
    try:
        found = find_spec(plan.id)
    except UserError as error:
        if code_of(plan.id):
            raise
        if plan.spec is None:
            raise UserError(
                f"workers: {plan.id!r} is registered in this process only. Name its code "
                "as in my_package.module:MyEnv-v0 or path/to/file.py:MyEnv, or leave workers out."
            ) from error
        return EnvSpec.from_json(plan.spec)
    if plan.spec is None or spec_as_json(found) == plan.spec:
        return found
    return EnvSpec.from_json(plan.spec)


if __name__ == "__main__":
    main()
