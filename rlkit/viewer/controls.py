"""What a person's hands ask for: from keys that are held and sticks that are moved to an action."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import gymnasium
import numpy as np
import pygame

from rlkit.capabilities import HasGamepadAxes, HasKeys
from rlkit.errors import UserError

# Letters that stand for arrows in games that do not use them otherwise.
ALIASES = {pygame.K_w: pygame.K_UP, pygame.K_a: pygame.K_LEFT, pygame.K_s: pygame.K_DOWN, pygame.K_d: pygame.K_RIGHT}

ARROWS = {pygame.K_UP: "↑", pygame.K_LEFT: "←", pygame.K_DOWN: "↓", pygame.K_RIGHT: "→"}

DEAD_ZONE = 0.08  # share of an axis' way that counts as its rest
PRESSED = 0.45  # share of it from which it counts as a key

# Axes and buttons as SDL numbers them on the common gamepads.
AXES = {"left_x": 0, "left_y": 1, "left_trigger": 2, "right_x": 3, "right_y": 4, "right_trigger": 5}
BUTTONS = {0: pygame.K_SPACE, 1: pygame.K_LCTRL}
START_BUTTON = 7


class Joystick(Protocol):
    """What is used of `pygame.joystick.Joystick`."""

    def get_axis(self, axis_number: int, /) -> float: ...  # noqa: D102
    def get_numaxes(self) -> int: ...  # noqa: D102
    def get_button(self, button: int, /) -> bool: ...  # noqa: D102
    def get_numbuttons(self) -> int: ...  # noqa: D102
    def get_hat(self, hat_number: int, /) -> tuple[float, float]: ...  # noqa: D102
    def get_numhats(self) -> int: ...  # noqa: D102


class Gamepad:
    """A gamepad, read by the names of its axes.

    A trigger rests at -1, but SDL reports 0 until it is first moved: it counts from then on.

    Args:
        joystick: As pygame gives it.
    """

    def __init__(self, joystick: Joystick):
        self._joystick = joystick
        self._triggers_seen: set[int] = set()

    def axis(self, name: str) -> float:
        """Where an axis stands: -1 to 1, right and down positive; 0 to 1 for triggers."""
        number = AXES[name]
        if number >= self._joystick.get_numaxes():
            return 0.0
        value = float(self._joystick.get_axis(number))
        if name.endswith("trigger"):
            if value != 0.0:
                self._triggers_seen.add(number)
            value = 0.5 * (value + 1.0) if number in self._triggers_seen else 0.0
        size = (abs(value) - DEAD_ZONE) / (1.0 - DEAD_ZONE)
        return float(np.copysign(min(max(size, 0.0), 1.0), value))

    def keys(self) -> set[int]:
        """The keys that its sticks, triggers and buttons stand for in games that know keys only."""
        held = set()
        across, down = self.axis("left_x"), self.axis("left_y")
        for hat in range(self._joystick.get_numhats()):
            x, y = self._joystick.get_hat(hat)
            across, down = across + x, down - y
        for value, low, high in ((across, pygame.K_LEFT, pygame.K_RIGHT), (down, pygame.K_UP, pygame.K_DOWN)):
            if abs(value) > PRESSED:
                held.add(high if value > 0 else low)
        for name, key in (("right_trigger", pygame.K_UP), ("left_trigger", pygame.K_DOWN)):
            if self.axis(name) > PRESSED:
                held.add(key)
        held.update(key for button, key in BUTTONS.items() if self.button(button))
        return held

    def button(self, number: int) -> bool:
        """Whether a button is held."""
        return number < self._joystick.get_numbuttons() and bool(self._joystick.get_button(number))


class Controls:
    """Turns keys and a gamepad into actions of one environment.

    Args:
        env: Which.

    Raises:
        UserError: It says neither which keys play it nor which sticks.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]):
        bare = env.unwrapped
        self._space = env.action_space
        self._axes: Sequence[Mapping[str, float]] = ()
        if isinstance(bare, HasGamepadAxes) and isinstance(self._space, gymnasium.spaces.Box):
            self._axes = _checked_axes(bare.gamepad_axes, self._space)
        if not isinstance(bare, HasKeys) and not self._axes:
            raise UserError(
                f"{_name(env)} does not say which keys play it: give its class a method get_keys_to_action() that "
                "returns keys and actions, for instance {(): 0, ('a',): 1, ('d',): 2}"
            )
        mapping = bare.get_keys_to_action() if isinstance(bare, HasKeys) else {}
        self._actions = {_codes(keys): action for keys, action in mapping.items()}
        used = {code for keys in self._actions for code in keys}
        # W, A, S and D do what the arrows do, unless the game has another use for one of them.
        self._aliases = {} if used & ALIASES.keys() else {k: v for k, v in ALIASES.items() if v in used}
        self.own = frozenset(used)
        """Keys that the game names."""
        self.codes = used | self._aliases.keys()
        """Keys that belong to the game, those included that stand for others."""
        self._rest = self._actions.get(frozenset(), self._nothing())

    def action(self, held: set[int], gamepad: Gamepad | None = None) -> Any:
        """The action that these keys and this gamepad ask for.

        Args:
            held: Codes of the keys that are held, the latest of them counting no more than the others.
            gamepad: Its sticks are used as they stand where the game's actions are numbers, as keys elsewhere.
        """
        keys = self.meant(held)
        if gamepad is not None and not (keys and self._actions):
            if self._axes:
                return self._from_axes(gamepad)
            keys = self.meant(gamepad.keys())
        # The combination with the most of the held keys; keys that are in none of its kind are overlooked.
        found = max((k for k in self._actions if k <= keys), key=len, default=frozenset[int]())
        return self._actions.get(found, self._rest)

    def meant(self, held: set[int]) -> frozenset[int]:
        """The game's own keys among those that are held, letters taken for the arrows they stand for."""
        named = {self._aliases.get(code, code) for code in held} & self.codes
        for one, other in ((pygame.K_LEFT, pygame.K_RIGHT), (pygame.K_UP, pygame.K_DOWN)):
            if {one, other} <= named and not any({one, other} <= keys for keys in self._actions):
                named -= {one, other}  # both at once: neither
        return frozenset(named)

    def _from_axes(self, gamepad: Gamepad) -> Any:
        assert isinstance(self._space, gymnasium.spaces.Box)
        values = [sum(weight * gamepad.axis(name) for name, weight in axes.items()) for axes in self._axes]
        return np.clip(np.array(values), self._space.low, self._space.high).astype(self._space.dtype)

    def _nothing(self) -> Any:
        if isinstance(self._space, gymnasium.spaces.Discrete):
            return int(self._space.start)
        if isinstance(self._space, gymnasium.spaces.Box):
            return np.clip(np.zeros(self._space.shape), self._space.low, self._space.high).astype(self._space.dtype)
        return self._space.sample()

    @property
    def described(self) -> str:
        """The game's keys, as one would tell somebody."""
        arrows = [code for code in ARROWS if code in self.own]
        names = [key_name(code) for code in arrows + sorted(self.own - set(ARROWS))]
        letters = "".join(key_name(code) for code in ALIASES if code in self._aliases)
        return " ".join(names) + (f"  or  {letters}" if letters else "")


def key_name(code: int) -> str:
    """How the help calls a key."""
    return ARROWS.get(code) or pygame.key.name(code).capitalize()


def _codes(keys: Any) -> frozenset[int]:
    """Codes of a combination of keys as `gymnasium.utils.play` takes them: codes, letters or names."""
    if isinstance(keys, str | int | np.integer):
        keys = tuple(keys) if isinstance(keys, str) else (keys,)
    return frozenset(ord(key) if isinstance(key, str) and len(key) == 1 else _code(key) for key in keys)


def _code(key: Any) -> int:
    if isinstance(key, str):
        code = getattr(pygame, f"K_{key.upper()}", None)
        if code is None:
            raise UserError(f"get_keys_to_action() names the key {key!r}, which pygame does not know")
        return int(code)
    return int(key)


def _checked_axes(axes: Any, space: gymnasium.spaces.Box) -> Sequence[Mapping[str, float]]:
    if len(axes) != int(np.prod(space.shape)) or any(name not in AXES for one in axes for name in one):
        raise UserError(
            f"gamepad_axes should have a dict for each of the {int(np.prod(space.shape))} numbers of an action, with "
            f"the names {', '.join(AXES)}, not {axes!r}"
        )
    return tuple(dict(one) for one in axes)


def _name(env: gymnasium.Env[Any, Any]) -> str:
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__
