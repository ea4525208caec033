"""Options of an Atari game, and the two protocols that set them as in the literature."""

import dataclasses
import math
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any

from rlkit_envs.utils import check_bool, check_count, check_probability

FRAMES_PER_SECOND = 60  # of the console
# Smallest and largest values. The screen has 210×160 pixels.
RANGES = {
    "noop_max": (0, 1_000),
    "frameskip": (1, 1_000),
    "max_num_frames_per_episode": (1, 1_000_000_000),
    "max_episode_steps": (1, 1_000_000_000),
    "img_height": (1, 1_024),
    "img_width": (1, 1_024),
}
MAX_ENVS = 65_536
MAX_THREADS = 256


@dataclass(frozen=True)
class Protocol:
    """How episodes begin and end, and where their randomness comes from.

    Args:
        repeat_action_probability: Probability per frame that the previous action is repeated (sticky actions).
        full_action_space: All 18 actions of the joystick, or only those that the game uses.
        noop_max: Each game starts with a random number of no-op frames below this.
        use_fire_reset: Press the fire button at the start, which many games wait for.
        episodic_life: In training, end an episode with the loss of a life.
    """

    repeat_action_probability: float
    full_action_space: bool
    noop_max: int
    use_fire_reset: bool
    episodic_life: bool


PROTOCOLS = {
    # Machado et al. 2018, section 5: sticky actions instead of no-op starts, and only the end of the game counts.
    "machado": Protocol(0.25, full_action_space=True, noop_max=0, use_fire_reset=False, episodic_life=False),
    # Mnih et al. 2015, with fire reset as in OpenAI Baselines.
    "dqn": Protocol(0.0, full_action_space=False, noop_max=30, use_fire_reset=True, episodic_life=True),
}


@dataclass(frozen=True)
class AtariConfig:
    """Options of a game; None takes the protocol's value.

    Args:
        protocol: "machado" (sticky actions, all 18 actions, only the end of the game counts) or "dqn" (no-op starts,
            the actions that the game uses, in training a lost life ends an episode).
        training: Whether the environment is used for training, for the protocol "dqn".
        repeat_action_probability: See `Protocol`.
        full_action_space: See `Protocol`.
        noop_max: See `Protocol`.
        use_fire_reset: See `Protocol`.
        episodic_life: End an episode with the loss of a life, also outside training; the next continues the same game.
        frameskip: Frames per step.
        max_num_frames_per_episode: Frames after which an episode is truncated; 108,000 are half an hour.
        max_episode_steps: Steps after which it is truncated, if that comes first.
        img_height: Rows of the observation.
        img_width: Columns of the observation.
        obs_type: "grayscale" or "rgb".

    Raises:
        ValueError: A value is out of range.
    """

    protocol: str = "machado"
    training: bool = False
    repeat_action_probability: float | None = None
    full_action_space: bool | None = None
    noop_max: int | None = None
    use_fire_reset: bool | None = None
    episodic_life: bool | None = None
    frameskip: int = 4
    max_num_frames_per_episode: int = 108_000
    max_episode_steps: int | None = None
    img_height: int = 84
    img_width: int = 84
    obs_type: str = "grayscale"

    def __post_init__(self) -> None:
        check_choice("protocol", self.protocol, tuple(PROTOCOLS))
        check_choice("obs_type", self.obs_type, ("grayscale", "rgb"))
        if self.repeat_action_probability is not None:
            check_probability("repeat_action_probability", self.repeat_action_probability)
        for name in ("training", "full_action_space", "use_fire_reset", "episodic_life"):
            if getattr(self, name) is not None or name == "training":
                check_bool(name, getattr(self, name))
        for name, (low, high) in RANGES.items():
            if getattr(self, name) is not None or name not in ("noop_max", "max_episode_steps"):
                check_count(name, getattr(self, name), low, high)

    @property
    def rules(self) -> Protocol:
        """The protocol with the options that override it."""
        protocol = PROTOCOLS[self.protocol]
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(Protocol)}
        given = {name: value for name, value in options.items() if value is not None}
        return dataclasses.replace(protocol, **{"episodic_life": protocol.episodic_life and self.training, **given})

    @property
    def step_limit(self) -> int:
        """Steps after which an episode is truncated."""
        by_frames = math.ceil(self.max_num_frames_per_episode / self.frameskip)
        return by_frames if self.max_episode_steps is None else min(by_frames, self.max_episode_steps)

    @property
    def steps_per_second(self) -> int:
        """Steps per second at the speed of the console."""
        return max(1, round(FRAMES_PER_SECOND / self.frameskip))


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless a value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} should be one of {', '.join(choices)}, not {shown(value)}")


METADATA: dict[str, Any] = {
    "render_modes": ["rgb_array"],
    "render_fps": 15,
    "reward_clip": 1.0,  # Mnih et al. 2015: scores of games differ in scale
    "training_kwargs": {"training": True},
    "run_defaults": {"num_envs": 8, "eval_episodes": 10},  # a step takes as long as one of a small network
    "play_kwargs": {"frameskip": 1, "repeat_action_probability": 0.0},  # for human players
}
