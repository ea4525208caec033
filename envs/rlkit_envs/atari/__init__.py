"""Atari 2600 games by the protocols that results are published in, on ale-py's emulator.

``register()`` lets ``ALE/Pong-v5`` and its relatives mean these environments: single preprocessed frames of 84×84, raw
rewards, nothing that resets itself, every game determined by its seed and its actions. ``import rlkit_envs`` does not
call it: in another program the ids of ale-py stay what ale-py makes of them.
"""

import gymnasium

__all__ = ["register"]


def register() -> None:
    """Put these environments in the place of ale-py's, one for each game that has an id of the form ``ALE/*-v5``.

    Raises:
        ModuleNotFoundError: ale-py is not installed.
    """
    import ale_py  # noqa: F401 - its import registers its own

    for spec in [spec for spec in gymnasium.registry.values() if spec.namespace == "ALE" and spec.version == 5]:
        del gymnasium.registry[spec.id]
        gymnasium.register(
            id=spec.id,
            entry_point="rlkit_envs.atari.env:AtariEnv",
            vector_entry_point="rlkit_envs.atari.vector_env:AtariVectorEnv",
            kwargs={"game": spec.kwargs["game"]},
        )
