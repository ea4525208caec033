"""A sound environment, and others with one issue each; `test_planted.py` lists them."""

import os
import time
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space


class Sound(gymnasium.Env):
    """A walk on a line that ends at either side; the start is random, and so is the wind."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}
    action_names = ("left", "right")

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-2.0, 2.0, (2,), np.float32)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = float(self.np_random.uniform(-0.5, 0.5))
        self.wind = 0.0
        self.count = 0
        return self.observe(), {}

    def step(self, action):
        self.count += 1
        self.wind = float(self.np_random.uniform(-0.1, 0.1))
        self.place += (0.2 if action else -0.2) + self.wind
        return self.observe(), self.reward(), self.over(), False, {}

    def observe(self):
        return np.clip(np.array([self.place, self.wind], np.float32), -2.0, 2.0)

    def reward(self):
        return 1.0 if self.place > 1.0 else 0.0

    def over(self):
        return abs(self.place) > 1.0

    def render(self):
        return np.full((40, 60, 3), 128, np.uint8)


class Restorable(Sound):
    """Can be put back to where it was."""

    def get_state(self):
        return self.place, self.wind, self.count, self.np_random.bit_generator.state

    def set_state(self, state):
        self.place, self.wind, self.count, self.np_random.bit_generator.state = state


class Restless(Sound):
    """Never ends by itself."""

    def over(self):
        return False

    def observe(self):
        self.place = float(np.clip(self.place, -1.5, 1.5))
        return super().observe()


# --------------------------------------------------------------------------------------------------- it does not work


class CannotBeMade(Sound):
    def __init__(self, render_mode=None):
        raise FileNotFoundError("no level at levels/1.txt")


class NeedsPackage(Sound):
    def __init__(self, render_mode=None):
        import a_package_that_nobody_has  # noqa: F401


class NeedsDisplay(Sound):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        if "DISPLAY" not in os.environ:
            raise RuntimeError("cannot connect to X display")


class RaisesInReset(Sound):
    def reset(self, *, seed=None, options=None):
        answer = super().reset(seed=seed)
        if seed == 3:
            raise KeyError("level")
        return answer


class RaisesLate(Restless):
    def step(self, action):
        if self.count == 1_000:
            raise IndexError("list index out of range")
        return super().step(action)


class ExitsInStep(Sound):
    def step(self, action):
        raise SystemExit(3)


class HangsInStep(Sound):
    def step(self, action):
        while self.count == 3:
            time.sleep(0.1)
        return super().step(action)


class Crashes(Sound):
    def step(self, action):
        os.kill(os.getpid(), 11)
        return super().step(action)


# ----------------------------------------------------------------------------------------------- wrong kinds of answers


class OldApi(Sound):
    def step(self, action):
        observation, reward, terminated, _, info = super().step(action)
        return observation, reward, terminated, info


class ObservationAlone(Sound):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0]


class ThreeValues(Sound):
    def step(self, action):
        return super().step(action)[:3]


class TakesNoSeed(Sound):
    def reset(self):
        return super().reset()


class InfoIsNone(Sound):
    def step(self, action):
        return (*super().step(action)[:4], None)


class GivesList(Sound):
    def observe(self):
        return super().observe().tolist()


class WrongShape(Sound):
    def observe(self):
        return super().observe()[:, np.newaxis]


class WrongDtype(Sound):
    def observe(self):
        return super().observe().astype(np.float64)


class OutOfBounds(Sound):
    def observe(self):
        return super().observe() * (3 if abs(self.place) > 0.9 else 1)


class NotANumber(Sound):
    def observe(self):
        observation = super().observe()
        observation[1] = np.nan if self.count == 5 else observation[1]
        return observation


class RewardIsArray(Sound):
    def reward(self):
        return np.array([super().reward()])


class RewardIsInfinite(Sound):
    def reward(self):
        return float("inf") if self.place > 1.0 else 0.0


class RewardOutOfRange(Sound):
    reward_range = (0.0, 0.5)


class FlagsAreNumbers(Sound):
    def over(self):
        return int(super().over())


class ReusesObservation(Sound):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.buffer = np.zeros(2, np.float32)

    def observe(self):
        self.buffer[:] = super().observe()
        return self.buffer


# --------------------------------------------------------------------------------------------------- seeds and chance


class IgnoresSeed(Sound):
    def reset(self, *, seed=None, options=None):
        answer = super().reset(seed=seed)
        self.place = float(np.random.default_rng().uniform(-0.5, 0.5))
        return self.observe(), answer[1]


class SharesGlobalGenerator(Sound):
    def reset(self, *, seed=None, options=None):
        np.random.seed(seed)  # noqa: NPY002
        return super().reset(seed=seed)

    def step(self, action):
        self.place += float(np.random.uniform(-0.05, 0.05))  # noqa: NPY002
        return super().step(action)


class DrawsGlobally(Sound):
    def reset(self, *, seed=None, options=None):
        np.random.rand()  # noqa: NPY002
        return super().reset(seed=seed)


class DependsOnHash(Sound):
    def reset(self, *, seed=None, options=None):
        answer = super().reset(seed=seed)
        self.place += (hash("a level's name") % 1000) / 1e4
        return self.observe(), answer[1]


class LeaksOverReset(Sound):
    speed = 1.0

    def step(self, action):
        self.speed = self.speed * 0.99
        self.place *= self.speed
        return super().step(action)


class IgnoresAction(Sound):
    def step(self, action):
        return super().step(self.count % 2)


class BadState(Restorable):
    def get_state(self):
        return self.place, self.wind, self.count, None

    def set_state(self, state):
        self.place, self.wind, self.count, _ = state


# ---------------------------------------------------------------------------------------------------- ends of episodes


class LimitAsEnd(Restless):
    """Registered with a limit of 50 steps, at which it says that it is terminated."""

    def over(self):
        return self.count >= 50


class AlwaysSameLength(Restless):
    def over(self):
        return self.count >= 40


class ResetsItself(Sound):
    def step(self, action):
        answer = super().step(action)
        if answer[2]:
            self.reset()
        return answer


class OnlyCut(Sound):
    def step(self, action):
        observation, reward, over, _, info = super().step(action)
        return observation, reward, False, over, info


# -------------------------------------------------------------------------------------------------- spaces and promises


class TextActions(Sound):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = spaces.Text(4)


class GraphObservations(Sound):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.observation_space = spaces.Text(9, charset="-.0123456789")

    def observe(self):
        return f"{self.place:.2f}"


class BadMetadata(Sound):
    metadata: ClassVar[dict[str, Any]] = {"episode_metrics": {"score": "number"}}


class Mirrored(Sound):
    """Does not know left from right, and says so; its mirror image can be asked for."""

    metadata: ClassVar[dict[str, Any]] = {**Sound.metadata, "mirror": {"observation": (-1.0, -1.0), "actions": (1, 0)}}
    side = 1.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.side = -1.0 if (options or {}).get("mirrored") else 1.0
        self.place *= self.side
        return self.observe(), {}

    def step(self, action):
        self.count += 1
        self.wind = self.side * float(self.np_random.uniform(-0.1, 0.1))
        self.place += (0.2 if action else -0.2) + self.wind
        return self.observe(), self.reward(), self.over(), False, {}

    def reward(self):
        return 1.0 if self.over() else 0.0


class MirroredPicture(Mirrored):
    """Shows where it is, and by two gauges which way the wind blows: each on the side that it blows to."""

    metadata: ClassVar[dict[str, Any]] = {**Sound.metadata, "mirror": {"actions": (1, 0)}}

    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.observation_space = spaces.Box(0, 255, (12, 16, 1), np.uint8)

    def observe(self):
        picture = np.zeros((12, 16, 1), np.uint8)
        away = abs(np.arange(16) - 7.5 - 5.0 * self.place)
        picture[2:8, :, 0] = 255.0 * np.maximum(0.0, 1.0 - away / 3.0)
        self.paint(picture)
        return picture

    def paint(self, picture):
        picture[10:, :8] = 2550.0 * max(0.0, -self.wind)
        picture[10:, 8:] = 2550.0 * max(0.0, self.wind)


class MirrorOfWrongSign(Mirrored):
    metadata: ClassVar[dict[str, Any]] = {**Sound.metadata, "mirror": {"observation": (-1.0, 1.0), "actions": (1, 0)}}


class MirrorOfSameActions(Mirrored):
    metadata: ClassVar[dict[str, Any]] = {**Sound.metadata, "mirror": {"observation": (-1.0, -1.0), "actions": (0, 1)}}


class MirrorOfLopsidedPicture(MirroredPicture):
    """Its gauge is a grey band, which turning the picture over leaves as it is."""

    def paint(self, picture):
        picture[10:] = 128.0 + 1270.0 * self.wind


class MirrorPaysOneSide(Mirrored):
    def reward(self):
        return 1.0 if self.place > 1.0 else 0.0


class MirrorNotOffered(Mirrored):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


class MirrorRefused(Mirrored):
    def reset(self, *, seed=None, options=None):
        if options:
            raise ValueError("no options are known")
        return super().reset(seed=seed)


class BadMirror(Mirrored):
    metadata: ClassVar[dict[str, Any]] = {**Sound.metadata, "mirror": {"observation": (-1.0, -1.0), "actions": (1, 1)}}


class LargeValues(Sound):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def observe(self):
        return super().observe() * np.float32(1e4)


class DrawsNothing(Sound):
    def render(self):
        return None


class DrawsIntoWindow(Sound):
    def render(self):
        raise RuntimeError("No available video device")


class LeaksMemory(Sound):
    kept: ClassVar[list[np.ndarray]] = []

    def step(self, action):
        self.kept.append(np.ones(2_000))
        return super().step(action)


class LeaksAtReset(Sound):
    kept: ClassVar[list[np.ndarray]] = []

    def reset(self, *, seed=None, options=None):
        self.kept.append(np.ones(2_000))
        return super().reset(seed=seed)


class SharesInfo(Sound):
    """Sound but for what Gymnasium's own checker alone looks at."""

    info: ClassVar[dict[str, Any]] = {"level": [1]}

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0], self.info


# ------------------------------------------------------------------------------------------------- vector environments


class Batch(VectorEnv):
    """`Sound`, N times."""

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.DISABLED}

    def __init__(self, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP, render_mode=None):
        self.num_envs = num_envs
        self.metadata = {**type(self).metadata, "autoreset_mode": autoreset_mode}
        self.envs = [Sound() for _ in range(num_envs)]
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.seen = np.zeros((num_envs, 2), np.float32)

    def reset(self, *, seed=None, options=None):
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_))
        for place in np.flatnonzero(mask):
            self.seen[place] = self.envs[place].reset(seed=None if seed is None else seed[place])[0]
        return self.given(), {}

    def step(self, actions):
        answers = [env.step(action) for env, action in zip(self.envs, actions, strict=True)]
        self.seen[:] = [answer[0] for answer in answers]
        rewards, terminated, truncated = (np.array([answer[i] for answer in answers]) for i in (1, 2, 3))
        return self.given(), rewards, terminated, truncated, {}

    def given(self):
        return self.seen.copy()


class BatchDiffers(Batch):
    """Every place uses the first place's seed."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=None if seed is None else [seed[0]] * self.num_envs, options=options)


class BatchResetsAll(Batch):
    """Resets all, whomever the mask names."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


class BatchOfMirrored(Batch):
    """Keeps to itself that it can be learned from in a mirror."""

    def __init__(self, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP, render_mode=None):
        super().__init__(num_envs, autoreset_mode)
        self.envs = [Mirrored() for _ in range(num_envs)]


class BatchNotFresh(Batch):
    """Promises never to write again to what it gave."""

    metadata: ClassVar[dict[str, Any]] = {"fresh_observations": True}

    def given(self):
        return self.seen


class BatchFails(Batch):
    def step(self, actions):
        raise ValueError("shapes do not match")


class BatchResetsItself(Batch):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs=1, render_mode=None):
        super().__init__(num_envs)
