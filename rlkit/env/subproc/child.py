"""The process that steps a share of the environments: `python -m rlkit.env.subproc.child SOCKET TRACE`.

Both are numbers of open files: where requests come in and answers go out, and where Python writes where it was when
it crashed, or is when the parent asks.
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

    from rlkit.env.subproc.worker import Answer, Blueprint


class Share:
    """The environments of one worker; each method is a request, for one of them.

    Args:
        blueprint: What they are made from.
    """

    def __init__(self, blueprint: "Blueprint"):
        self._blueprint = blueprint
        self._envs: dict[int, gymnasium.Env[Any, Any]] = {}

    def make(self, index: int) -> tuple[Any, Any, dict[str, Any], str | None]:
        """Make it; give its spaces of observations and actions, metadata and render mode."""
        from rlkit.env.registry import make_single

        plan = self._blueprint
        env = make_single(_find(plan), plan.kwargs, frame_skip=plan.frame_skip)
        self._envs[index] = env
        return env.observation_space, env.action_space, dict(env.metadata), env.render_mode

    def reset(self, index: int, seed: int | None, options: dict[str, Any] | None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
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
        from rlkit.env.subproc.worker import Answer

        if not self.offers(index, name):
            return Answer("missing", f"{self._blueprint.id} has no attribute {name!r}")
        found = self._envs[index].get_wrapper_attr(name)
        return found(*args, **kwargs) if callable(found) else found

    def render(self, index: int) -> Any:
        """Draw it."""
        return self._envs[index].render()

    def close(self) -> None:
        """Release all of them; what one of them raises keeps the others from nothing."""
        for env in self._envs.values():
            try:
                env.close()
            except Exception as error:
                print(f"closing {self._blueprint.id} failed: {error}", file=sys.stderr)


def main() -> None:
    """Answer requests until the parent has enough, or is gone."""
    socket, trace = (int(number) for number in sys.argv[1:3])
    for number in (signal.SIGINT, signal.SIGTERM):  # both are the parent's; what the environment starts obeys them
        signal.signal(number, lambda number, frame: None)
    faulthandler.enable(trace, all_threads=False)
    faulthandler.register(signal.SIGUSR1, trace, all_threads=False)
    threading.Thread(target=_end_with_parent, args=(socket,), daemon=True).start()
    import rlkit.env.registry  # noqa: F401 - what takes time to import, before any time is taken
    from rlkit.env.subproc.worker import CLOSE

    connection = Connection(socket)
    share = Share(connection.recv())
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
            _send(connection, _answer(getattr(share, request), index, arguments))
    sys.stdout.flush()
    os._exit(0)  # threads, pools and windows of somebody else's are not waited for


def _end_with_parent(socket: int) -> None:
    """Wait until the other end of a socket is closed, then end this process and all that it started, hanging or not."""
    poll = select.poll()
    poll.register(socket, 0)  # no event but the one that cannot be left out
    poll.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _answer(method: Callable[..., Any], index: int, arguments: tuple[Any, ...]) -> "Answer":
    from rlkit.env.subproc.worker import Answer
    from rlkit.errors import UserError, describe_error

    try:
        value = method(index, *arguments)
    except UserError as error:
        return Answer("refused", (str(error), error.exit_code))
    except Exception as error:
        return Answer("failed", describe_error(error))
    return value if isinstance(value, Answer) else Answer("value", value)


def _send(connection: "Connection[Any, Any]", answer: "Answer") -> None:
    from rlkit.env.subproc.worker import Answer

    try:
        packed = ForkingPickler.dumps(answer)
    except Exception as error:
        why = f"its answer cannot be sent from one process to another{_culprit(answer.value)}: {error}; use workers=0"
        packed = ForkingPickler.dumps(Answer("failed", why))
    connection.send_bytes(packed)


def _culprit(value: Any) -> str:
    """Name the entry of an info that cannot be sent; nothing where it is something else."""
    info = value[-1] if isinstance(value, tuple) and value else None
    for key, entry in info.items() if isinstance(info, dict) else ():
        try:
            ForkingPickler.dumps(entry)
        except Exception:
            return f" (info[{key!r}])"
    return ""


def _find(plan: "Blueprint") -> "EnvSpec":
    """The specification that the parent has, even where it was registered in that process only.

    Raises:
        UserError: There is none of that name here, and what the parent has cannot be sent.
    """
    import gymnasium
    from gymnasium.envs.registration import EnvSpec

    from rlkit.env.config import code_of
    from rlkit.env.registry import find_spec
    from rlkit.env.subproc.worker import spec_as_json
    from rlkit.errors import UserError

    if plan.spec is not None and code_of(plan.id) is None and "/" not in plan.id and plan.id not in gymnasium.registry:
        return EnvSpec.from_json(plan.spec)  # without going through all plug-ins, for a name that is none of theirs
    try:
        found = find_spec(plan.id)
    except UserError as error:
        if code_of(plan.id):
            raise
        if plan.spec is None:
            raise UserError(
                f"workers: {plan.id!r} is registered in this process only, so that no other finds it. Name the code "
                "that it comes from, as in my_package.module:MyEnv-v0 or path/to/file.py:MyEnv, or leave workers out."
            ) from error
        return EnvSpec.from_json(plan.spec)
    if plan.spec is None or spec_as_json(found) == plan.spec:
        return found
    return EnvSpec.from_json(plan.spec)


if __name__ == "__main__":
    main()
