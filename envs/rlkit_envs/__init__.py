"""Environments for reinforcement learning, registered with Gymnasium on import; they need neither torch nor rlkit.

``import rlkit_envs`` makes ``rlkit/Driving-v0`` known. Nothing is compiled and no window library is loaded before an
environment is made.
"""

import gymnasium

gymnasium.register(
    id="rlkit/Driving-v0",
    entry_point="rlkit_envs.driving.env:DrivingEnv",
    vector_entry_point="rlkit_envs.driving.vector_env:DrivingVectorEnv",
)
