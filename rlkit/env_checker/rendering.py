"""Pictures for people: that they can be drawn without a screen, and what they are."""

from typing import Any

import numpy as np

from rlkit.env_checker.rollout import close
from rlkit.env_checker.subject import NO_DISPLAY, Halted, Subject
from rlkit.errors import describe_error


def draw(subject: Subject) -> dict[str, Any]:
    """Draw a picture, if the environment says that it can.

    Returns:
        `picture`, its height and width; empty where it draws none.
    """
    subject.pulse("make", True)
    env = subject.make()
    modes = list((env.metadata or {}).get("render_modes") or ())
    close(env)
    if "rgb_array" not in modes:
        return {}
    try:
        env = subject.make("rgb_array")
    except Halted as halted:
        _fail(subject, f"with render_mode='rgb_array': {halted.finding.seen}")
        return {}
    try:
        subject.reset(env, 0)
        subject.pulse("render", True)
        try:
            picture = env.render()
        except (Exception, SystemExit) as error:
            _fail(subject, f"render() raised {describe_error(error)}")
            return {}
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.shape[2:] != (3,):
            _fail(subject, f"render() gave {_described(picture)}")
            return {}
        return {"picture": list(picture.shape[:2])}
    finally:
        close(env)


def _fail(subject: Subject, seen: str) -> None:
    subject.write_down("rendering-needs-display" if NO_DISPLAY.search(seen) else "rendering", seen)


def _described(picture: Any) -> str:
    if isinstance(picture, np.ndarray):
        return f"an array of shape {picture.shape} and type {picture.dtype}"
    return "None" if picture is None else f"a {type(picture).__name__}"
