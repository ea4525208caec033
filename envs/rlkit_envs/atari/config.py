"""What one may choose about an Atari game, and the two protocols that choose it as papers do."""

import dataclasses
import math
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Any, TypeVar

FRAMES_PER_SECOND = 60  # of the console
# Smallest and largest of what is counted. The screen has 210×160 pixels, and a core runs 5,000 frames a second.
RANGES = {
    "noop_max": (0, 1_000),
    "frameskip": (1, 1_000),
    "max_num_frames_per_episode": (1, 1_000_000_000),
    "max_episode_steps": (1, 1_000_000_000),
    "img_height": (1, 1_024),
    "img_width": (1, 1_024),
}
MOST_GAMES = 65_536  # stepped together
MOST_THREADS = 256

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
        check_choice("protocol", self.protocol, tuple(PROTOCOLS))
        check_choice("obs_type", self.obs_type, ("grayscale", "rgb"))
        sticky = self.repeat_action_probability
        if sticky is not None and not _is_share(sticky):
            raise ValueError(f"repeat_action_probability should be from 0 to 1, not {shown(sticky)}")
        for name in ("training", "full_action_space", "use_fire_reset", "episodic_life"):
            value = getattr(self, name)
            if not isinstance(value, bool) and (value is not None or name == "training"):
                raise ValueError(f"{name} should be true or false, not {shown(value)}")
        for name, (low, high) in RANGES.items():
            if getattr(self, name) is not None or name not in ("noop_max", "max_episode_steps"):
                check_count(name, getattr(self, name), low, high)

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


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless a value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} should be one of {', '.join(choices)}, not {shown(value)}")


def check_count(name: str, value: Any, low: int, high: int) -> None:
    """Raise ValueError unless a value is a whole number within the range."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(
            f"{name} should be a whole number of at least {low:,} and at most {high:,}, not {shown(value)}"
        )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


METADATA: dict[str, Any] = {
    "render_modes": ["rgb_array"],
    "render_fps": 15,
    "reward_clip": 1.0,  # Mnih et al. 2015: games score in units of their own
    "training_kwargs": {"training": True},
    "run_defaults": {"num_envs": 8, "eval_episodes": 10},  # a step takes as long as a small network's
    "play_kwargs": {"frameskip": 1, "repeat_action_probability": 0.0},  # a person's hands are slow enough
}
