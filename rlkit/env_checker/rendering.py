"""Check that images can be rendered without a display."""

from typing import Any

import numpy as np

from rlkit.env_checker.rollout import close
from rlkit.env_checker.subject import NO_DISPLAY, CheckAborted, Subject
from rlkit.errors import describe_error


def render(subject: Subject) -> dict[str, Any]:
    """Render an image, if the environment supports `rgb_array`.

    Returns:
        `image`, its height and width; empty if there is none.
    """
    subject.progress("make", True)
    env = subject.make()
    modes = list((env.metadata or {}).get("render_modes") or ())
    close(env)
    if "rgb_array" not in modes:
        return {}
    try:
        env = subject.make("rgb_array")
    except CheckAborted as aborted:
        _fail(subject, f"with render_mode='rgb_array': {aborted.issue.message}")
        return {}
    try:
        subject.reset(env, 0)
        subject.progress("render", True)
        try:
            image = env.render()
        except (Exception, SystemExit) as error:
            _fail(subject, f"render() raised {describe_error(error)}")
            return {}
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,):
            _fail(subject, f"render() returned {_described(image)}")
            return {}
        return {"image": list(image.shape[:2])}
    finally:
        close(env)


def _fail(subject: Subject, message: str) -> None:
    subject.report("rendering-needs-display" if NO_DISPLAY.search(message) else "rendering", message)


def _described(image: Any) -> str:
    if isinstance(image, np.ndarray):
        return f"an array of shape {image.shape} and type {image.dtype}"
    return "None" if image is None else f"a {type(image).__name__}"
