"""Atari 2600 games on ale-py's emulator, under the two protocols in which results are published.

``register()`` replaces ale-py's environments of the ids ``ALE/*-v5`` by these: single preprocessed frames of 84×84, raw
rewards, no autoreset, each episode determined by its seed and actions. ``import rlkit_envs`` does not call it, so that
other programs keep ale-py's environments.
"""

import gymnasium

__all__ = ["register"]


def register() -> None:
    """Register these environments under ale-py's ids ``ALE/*-v5``.

    Raises:
        ModuleNotFoundError: ale-py is not installed.
    """
    import ale_py  # noqa: F401 - registers ale-py's environments

    for spec in [spec for spec in gymnasium.registry.values() if spec.namespace == "ALE" and spec.version == 5]:
        del gymnasium.registry[spec.id]
        gymnasium.register(
            id=spec.id,
            entry_point="rlkit_envs.atari.env:AtariEnv",
            vector_entry_point="rlkit_envs.atari.vector_env:AtariVectorEnv",
            kwargs={"game": spec.kwargs["game"]},
        )
