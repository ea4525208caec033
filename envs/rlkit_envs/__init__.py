"""Environments for reinforcement learning, registered with Gymnasium on import; they need neither torch nor rlkit.

``import rlkit_envs`` registers ``rlkit/Driving-v0`` and its variants, ``rlkit/CarRacing-v0`` and one id per game in
``rlkit_envs.arcade.games``. Nothing is compiled and no window library is loaded before an environment is made.
"""

from typing import Any

import gymnasium

from rlkit_envs.arcade import GAMES

# Among cars at 6 to 12 m/s, more speed is not rewarded, and a collision costs more than what haste could gain.
_TRAFFIC: dict[str, Any] = {
    "traffic": 6,
    "obstacles": 2,
    "circuit_length": (600.0, 1000.0),
    "reward_speed_cap": 13.0,
    "border_penalty": 30.0,
    "collision_penalty": 100.0,
}

_DRIVING: dict[str, dict[str, Any]] = {
    "Driving": {"border_penalty": 10.0},
    "DrivingCamera": {"sensors": ("camera", "segmentation", "state")},
    "DrivingTraffic": {
        **_TRAFFIC,
        # A view of 1 m a pixel: cars pass each other at 2 m.
        "sensors": ("birdview", "state", "preview"),
        "view_size": 32,
        "metres_per_pixel": 1.0,
    },
    "DrivingTrafficCamera": {**_TRAFFIC, "sensors": ("camera", "segmentation", "boxes", "state")},
    "DrivingContinuous": {"actions": "continuous"},
    # Roads as long, wide and fast as real circuits.
    "DrivingRace": {
        "circuit_length": (400.0, 4000.0),
        "road_width": (7.0, 20.0),
        "sensors": ("state", "preview"),
        "num_circuits": 1024,
        "off_road_penalty": 80.0,
        "border_penalty": 80.0,
        "lap_reward": 0.0,
        "metre_reward": 0.2,
    },
}

gymnasium.register(
    id="rlkit/CarRacing-v0",
    entry_point="rlkit_envs.driving.car_racing:CarRacingEnv",
    vector_entry_point="rlkit_envs.driving.car_racing:CarRacingVectorEnv",
)

for _name, _kwargs in _DRIVING.items():
    gymnasium.register(
        id=f"rlkit/{_name}-v0",
        entry_point="rlkit_envs.driving.env:DrivingEnv",
        vector_entry_point="rlkit_envs.driving.vector_env:DrivingVectorEnv",
        kwargs=_kwargs,
    )

for _name in GAMES:
    gymnasium.register(
        id=f"rlkit/{_name}-v0",
        entry_point="rlkit_envs.arcade.env:ArcadeEnv",
        vector_entry_point="rlkit_envs.arcade.vector_env:ArcadeVectorEnv",
        kwargs={"game": _name.lower()},
    )
