"""What one may choose about an Atari game, and the two protocols that choose it as papers do."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

FRAMES_PER_SECOND = 60  # of the console

Made = TypeVar("Made")


@dataclass(frozen=True)
class Protocol:
    """How a game begins, ends and is made hard to learn by heart.

    Args:
        repeat_action_probability: With which the emulator overhears an action in each frame and repeats the last.
        full_action_space: Whether all 18 actions of the joystick are there, or those only that the game reads.
        noop_max: Fewer than so many frames, drawn anew for each game, pass before the first decision.
        use_fire_reset: Whether the button that starts many games is pressed at the beginning.
        episodic_life: Whether, while an agent learns, a lost life ends an episode.
    """

    repeat_action_probability: float
    full_action_space: bool
    noop_max: int
    use_fire_reset: bool
    episodic_life: bool


PROTOCOLS = {
    # Machado et al. 2018, section 5: sticky actions instead of a random beginning, and the end is the game's own.
    "machado": Protocol(0.25, full_action_space=True, noop_max=0, use_fire_reset=False, episodic_life=False),
    # Mnih et al. 2015, with the button pressed at the start as in the usual code since (OpenAI Baselines).
    "dqn": Protocol(0.0, full_action_space=False, noop_max=30, use_fire_reset=True, episodic_life=True),
}


@dataclass(frozen=True)
class Settings:
    """What one may choose about a game; what is None is as the protocol has it.

    Args:
        protocol: "machado" (sticky actions, all 18 actions, only the end of the game counts) or "dqn" (up to 30 no-ops
            first, the actions that the game reads, while learning a lost life ends an episode).
        training: Whether an agent learns here, which the protocol "dqn" asks.
        repeat_action_probability: See `Protocol`.
        full_action_space: See `Protocol`.
        noop_max: See `Protocol`.
        use_fire_reset: See `Protocol`.
        episodic_life: Whether a lost life ends an episode, whoever plays; the next goes on in the same game.
        frameskip: Frames of the console per decision.
        max_num_frames_per_episode: Frames after which a game is cut; 108,000 are half an hour.
        max_episode_steps: Decisions after which it is cut, if that comes first.
        img_height: Rows of the picture.
        img_width: Columns of the picture.
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
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol should be one of {', '.join(PROTOCOLS)}, not {self.protocol!r}")
        if self.obs_type not in ("grayscale", "rgb"):
            raise ValueError(f"obs_type should be grayscale or rgb, not {self.obs_type!r}")
        sticky = self.repeat_action_probability
        if sticky is not None and not 0 <= sticky <= 1:
            raise ValueError(f"repeat_action_probability should be from 0 to 1, not {sticky!r}")
        lowest = {
            "noop_max": 0,
            "frameskip": 1,
            "max_num_frames_per_episode": 1,
            "max_episode_steps": 1,
            "img_height": 1,
            "img_width": 1,
        }
        for name, low in lowest.items():
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < low):
                raise ValueError(f"{name} should be a whole number of at least {low}, not {value!r}")

    @property
    def rules(self) -> Protocol:
        """The protocol, with what was chosen otherwise."""
        protocol = PROTOCOLS[self.protocol]
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(Protocol)}
        chosen = {name: value for name, value in own.items() if value is not None}
        return dataclasses.replace(protocol, **{"episodic_life": protocol.episodic_life and self.training, **chosen})

    @property
    def most_steps(self) -> int:
        """Decisions after which a game is cut."""
        by_frames = math.ceil(self.max_num_frames_per_episode / self.frameskip)
        return by_frames if self.max_episode_steps is None else min(by_frames, self.max_episode_steps)

    @property
    def decisions_per_second(self) -> int:
        """At the speed of the console."""
        return max(1, round(FRAMES_PER_SECOND / self.frameskip))


METADATA: dict[str, Any] = {
    "render_modes": ["rgb_array"],
    "render_fps": 15,
    "reward_clip": 1.0,  # Mnih et al. 2015: games score in units of their own
    "training_kwargs": {"training": True},
    "run_defaults": {"num_envs": 8, "eval_episodes": 10},  # a step takes as long as a small network's
    "play_kwargs": {"frameskip": 1, "repeat_action_probability": 0.0},  # a person's hands are slow enough
}
