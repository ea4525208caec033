"""Map keyboard and gamepad input to actions."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import gymnasium
import numpy as np
import pygame

from rlkit.capabilities import HasGamepadAxes, HasKeys
from rlkit.errors import UserError

# Letters that replace the arrows, unless the game uses one of them.
ALIASES = {pygame.K_w: pygame.K_UP, pygame.K_a: pygame.K_LEFT, pygame.K_s: pygame.K_DOWN, pygame.K_d: pygame.K_RIGHT}

ARROWS = {pygame.K_UP: "↑", pygame.K_LEFT: "←", pygame.K_DOWN: "↓", pygame.K_RIGHT: "→"}

DEAD_ZONE = 0.08  # deflection of an axis, of 1, that counts as none
PRESSED = 0.45  # deflection from which it counts as a key press

# Axes and buttons as SDL numbers them on common gamepads.
AXES = {"left_x": 0, "left_y": 1, "left_trigger": 2, "right_x": 3, "right_y": 4, "right_trigger": 5}
BUTTONS = {0: pygame.K_SPACE, 1: pygame.K_LCTRL}
START_BUTTON = 7


class Joystick(Protocol):
    """The part of `pygame.joystick.Joystick` that is used."""

    def get_axis(self, axis_number: int, /) -> float: ...  # noqa: D102
    def get_numaxes(self) -> int: ...  # noqa: D102
    def get_button(self, button: int, /) -> bool: ...  # noqa: D102
    def get_numbuttons(self) -> int: ...  # noqa: D102
    def get_hat(self, hat_number: int, /) -> tuple[float, float]: ...  # noqa: D102
    def get_numhats(self) -> int: ...  # noqa: D102


class Gamepad:
    """A gamepad with named axes.

    A released trigger is at -1, but SDL reports 0 until it is first moved; it is ignored until then.

    Args:
        joystick: The joystick of pygame.
    """

    def __init__(self, joystick: Joystick):
        self._joystick = joystick
        self._triggers_seen: set[int] = set()

    def axis(self, name: str) -> float:
        """Position of an axis: -1 to 1, right and down positive; 0 to 1 for triggers."""
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
        """The keys that its sticks, triggers and buttons replace in games without continuous actions."""
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
    """Turns keys and a gamepad into actions of an environment.

    Args:
        env: The environment.

    Raises:
        UserError: It declares neither keys nor gamepad axes.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]):
        bare = env.unwrapped
        self._space = env.action_space
        self._axes: Sequence[Mapping[str, float]] = ()
        if isinstance(bare, HasGamepadAxes) and isinstance(self._space, gymnasium.spaces.Box):
            self._axes = _checked_axes(bare.gamepad_axes, self._space)
        if not isinstance(bare, HasKeys) and not self._axes:
            raise UserError(
                f"{_name(env)} declares no keys to play it with: give its class a method get_keys_to_action() that "
                "returns keys and actions, for instance {'': 0, 'a': 1, 'd': 2}"
            )
        mapping = bare.get_keys_to_action() if isinstance(bare, HasKeys) else {}
        self._actions = {_codes(keys): action for keys, action in mapping.items()}
        used = {code for keys in self._actions for code in keys}
        self._aliases = {} if used & ALIASES.keys() else {k: v for k, v in ALIASES.items() if v in used}
        self.own = frozenset(used)
        """Codes of the keys that the game declares."""
        self.codes = used | self._aliases.keys()
        """Codes of all keys of the game, letters that replace arrows included."""
        self._default = self._actions.get(frozenset(), self._neutral())

    def action(self, held: set[int], gamepad: Gamepad | None = None) -> Any:
        """The action for these keys and this gamepad.

        Args:
            held: Codes of the keys that are held.
            gamepad: Its axes are read for continuous actions, else they replace keys; held keys override it.
        """
        keys = self.meant(held)
        if gamepad is not None and not (keys and self._actions):
            if self._axes:
                return self._from_axes(gamepad)
            keys = self.meant(gamepad.keys())
        # The largest combination of held keys; other keys are ignored.
        found = max((k for k in self._actions if k <= keys), key=len, default=frozenset[int]())
        return self._actions.get(found, self._default)

    def meant(self, held: set[int]) -> frozenset[int]:
        """The declared keys among those that are held, with letters replaced by arrows."""
        named = {self._aliases.get(code, code) for code in held} & self.codes
        for one, other in ((pygame.K_LEFT, pygame.K_RIGHT), (pygame.K_UP, pygame.K_DOWN)):
            if {one, other} <= named and not any({one, other} <= keys for keys in self._actions):
                named -= {one, other}  # opposite arrows cancel
        return frozenset(named)

    def _from_axes(self, gamepad: Gamepad) -> Any:
        assert isinstance(self._space, gymnasium.spaces.Box)
        values = [sum(weight * gamepad.axis(name) for name, weight in axes.items()) for axes in self._axes]
        return np.clip(np.array(values), self._space.low, self._space.high).astype(self._space.dtype)

    def _neutral(self) -> Any:
        if isinstance(self._space, gymnasium.spaces.Discrete):
            return int(self._space.start)
        if isinstance(self._space, gymnasium.spaces.Box):
            return np.clip(np.zeros(self._space.shape), self._space.low, self._space.high).astype(self._space.dtype)
        return self._space.sample()

    @property
    def description(self) -> str:
        """Names of the game's keys, for the help."""
        arrows = [code for code in ARROWS if code in self.own]
        names = [key_name(code) for code in arrows + sorted(self.own - set(ARROWS))]
        letters = "".join(key_name(code) for code in ALIASES if code in self._aliases)
        return " ".join(names) + (f"  or  {letters}" if letters else "")


def key_name(code: int) -> str:
    """Name of a key for the help."""
    return ARROWS.get(code) or pygame.key.name(code).capitalize()


def _codes(keys: Any) -> frozenset[int]:
    """Codes of a key combination as `gymnasium.utils.play` takes it: codes, letters or names."""
    if isinstance(keys, str | int | np.integer):
        keys = tuple(keys) if isinstance(keys, str) else (keys,)
    return frozenset(ord(key) if isinstance(key, str) and len(key) == 1 else _code(key) for key in keys)


def _code(key: Any) -> int:
    if isinstance(key, str):
        code = getattr(pygame, f"K_{key.upper()}", None)
        if code is None:
            raise UserError(f"get_keys_to_action() names the key {key!r}, which pygame does not have")
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
