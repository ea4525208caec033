import time
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers import GrayscaleObservation, PassiveEnvChecker

from rlkit.env.config import EnvConfig, EnvOptions
from rlkit.env.make import vectorize
from rlkit.env.timeout import StepTimeout
from rlkit.env.vector import VecEnv
from rlkit.env.wrappers import FrameSkip, ListVectorEnv, renders_observation
from rlkit.errors import UserError

pytest.importorskip("Box2D", reason="CarRacing needs box2d: pip install -e '.[dev]'")

ID = "CarRacing-v3"
FRAMES = 4


def make(**options):
    return gymnasium.make(ID, continuous=False, disable_env_checker=True, **options)


def drawn(env, action):
    """The same by hand, every frame drawn."""
    total = 0.0
    for _ in range(FRAMES):
        observation, reward, terminated, truncated, _ = env.step(action)
        total += reward
        if terminated or truncated:
            break
    return observation, total, terminated, truncated


@pytest.mark.parametrize("steps", [58, 59, 60])
def test_observations_rewards_and_ends_are_those_of_an_environment_that_draws_everything(steps):
    plain, skipping = make(max_episode_steps=steps), FrameSkip(make(max_episode_steps=steps), FRAMES)
    first, _ = plain.reset(seed=7)
    assert np.array_equal(skipping.reset(seed=7)[0], first)
    actions = np.random.default_rng(0).choice([1, 2, 3, 3, 3], size=-(-steps // FRAMES))
    for number, action in enumerate(actions):
        observation, *rest = drawn(plain, action)
        own, *own_rest, _ = skipping.step(action)
        assert own_rest == rest
        assert np.array_equal(own, observation)
        assert rest[-1] == (number == len(actions) - 1)
    plain.close()
    skipping.close()


def test_an_episode_that_ends_off_the_field_between_two_frames_shows_where(monkeypatch):
    plain, skipping = make(), FrameSkip(make(), FRAMES)
    for env in (plain, skipping):
        env.reset(seed=3)
    monkeypatch.setattr("gymnasium.envs.box2d.car_racing.PLAYFIELD", 0.0)  # wherever it goes, it is off
    observation, *rest = drawn(plain, 0)
    own, *own_rest, _ = skipping.step(0)
    assert own_rest == rest
    assert rest == [-100, True, False]
    assert np.array_equal(own, observation)
    assert np.array_equal(skipping.unwrapped.state, observation)
    plain.close()
    skipping.close()


def test_a_frame_in_four_is_drawn(monkeypatch):
    env = FrameSkip(make(), FRAMES)
    env.reset(seed=0)
    count = 0
    draw = type(env.unwrapped)._render

    def counted(self, mode):
        nonlocal count
        count += 1
        return draw(self, mode)

    monkeypatch.setattr(type(env.unwrapped), "_render", counted)
    for _ in range(5):
        env.step(3)
    assert count == 5
    env.close()


def test_after_an_error_it_draws_again():
    env = FrameSkip(make(), FRAMES)
    env.reset(seed=0)
    with pytest.raises(gymnasium.error.InvalidAction):
        env.step(99)
    assert "_render" not in vars(env.unwrapped)
    env.close()


def test_where_somebody_looks_at_every_picture_every_picture_is_drawn():
    bare = make()
    assert renders_observation(bare)
    assert not renders_observation(GrayscaleObservation(bare))
    assert not renders_observation(PassiveEnvChecker(bare))
    assert not renders_observation(gymnasium.make("CartPole-v1"))
    bare.close()


def test_a_subclass_that_steps_its_own_way_may_read_the_picture():
    from gymnasium.envs.box2d.car_racing import CarRacing

    class Own(CarRacing):
        def step(self, action):
            return super().step(action)

    env = Own(continuous=False)
    assert not renders_observation(env)
    env.close()


def test_a_window_shows_every_picture(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    watched = make(render_mode="human")
    assert not renders_observation(watched)
    watched.close()


class Hanging(gymnasium.Env):
    """Hangs for a minute where it is told to."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, where="step"):
        self.where = where
        self._hang("init")

    def reset(self, *, seed=None, options=None):
        self.seed = seed
        self._hang("reset")
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self._hang("step" if self.seed == 8 else "")
        return np.zeros(1, np.float32), 0.0, False, False, {}

    def _hang(self, where):
        if where == self.where:
            time.sleep(60)


HASTY = EnvOptions(step_timeout=0.2)


def test_a_constructor_that_hangs_is_interrupted():
    with pytest.raises(
        UserError, match=r"H could not be made: did not come back within 0.2 s \(.*test_wrappers.*py:\d+\)"
    ):
        vectorize(EnvSpec("H", entry_point=Hanging), 2, {"where": "init"}, None, options=HASTY)


@pytest.mark.parametrize(
    ("spec", "hanging"),
    [
        (EnvSpec("H", entry_point=Hanging, kwargs={"where": "reset"}), r"0 \(seed 7\), step 0: reset"),
        (EnvSpec("H", entry_point=Hanging), r"1 \(seed 8\), step 1: step"),
    ],
)
def test_single_environments_that_hang_are_interrupted_and_named(spec, hanging):
    vector, native, why = vectorize(spec, 3, {}, None, options=HASTY)
    made = VecEnv(vector, EnvConfig("H"), native, why)
    began = time.monotonic()
    with pytest.raises(
        UserError, match=rf"H, environment {hanging} did not .* \(.*test_wrappers.*\); .*step_timeout=2 among"
    ):
        _play(made)
    assert time.monotonic() - began < 30


def _play(made):
    made.reset([7, 8, 9])
    made.step(np.zeros(3, np.int64))


class Countdown(VectorEnv):
    """Counts down from its seed to 0; written to be able to reset in any of Gymnasium's three ways."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": [], "autoreset_mode": AutoresetMode.DISABLED}

    def __init__(self, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP, final=True, **kwargs):
        self.num_envs = num_envs
        self.final = final
        self.metadata = {**type(self).metadata, "autoreset_mode": autoreset_mode}
        self.single_observation_space = spaces.Dict({"left": spaces.Box(-9, 99, (1,), np.float32)})
        self.single_action_space = spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.left = np.zeros((num_envs, 1), np.float32)

    def reset(self, *, seed=None, options=None):
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, np.bool_))
        seeds = np.broadcast_to(np.asarray(seed), self.num_envs)
        self.left[mask, 0] = seeds[mask]
        return {"left": self.left}, {}

    def step(self, actions):
        self.left -= 1
        ended = self.left[:, 0] <= 0
        infos = {"left_at_end": self.left[:, 0].copy(), "_left_at_end": ended}
        if self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP and ended.any():
            if self.final:
                infos = {"final_obs": {"left": self.left.copy()}, "_final_obs": ended, "final_info": infos}
            self.left[ended] = 77
        return {"left": self.left}, np.ones(self.num_envs), ended, np.zeros_like(ended), infos


class OnlySameStep(Countdown):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs=1, final=True):
        super().__init__(num_envs, AutoresetMode.SAME_STEP, final)


class OnlyNextStep(Countdown):
    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs=1):
        super().__init__(num_envs, AutoresetMode.NEXT_STEP)


def environments(creator: type[VectorEnv], num_envs: int, step_timeout: float = 0, **kwargs: Any) -> VecEnv:
    spec = EnvSpec("Toy", vector_entry_point=creator)
    vector, native, why = vectorize(spec, num_envs, kwargs, None, EnvOptions(step_timeout=step_timeout))
    return VecEnv(vector, EnvConfig("Toy"), native, why)


@pytest.mark.parametrize("creator", [Countdown, OnlySameStep, OnlyNextStep])
def test_every_autoreset_mode_becomes_episodes_from_seeds_with_their_real_last_observation(creator):
    toy = environments(creator, 2)
    actions = np.zeros(2, np.int64)
    assert toy.reset([2, 5])["left"].tolist() == [[2], [5]]
    assert toy.step(actions).observations["left"].tolist() == [[1], [4]]
    last = toy.step(actions)
    assert last.terminated.tolist() == [True, False]
    assert last.observations["left"].tolist() == [[0], [3]]
    assert toy.reset([9, 1], last.ended)["left"].tolist() == [[9], [3]]
    assert toy.step(actions).observations["left"].tolist() == [[8], [2]]
    assert last.observations["left"].tolist() == [[0], [3]]


def test_the_last_info_of_an_episode_survives_a_reset_in_the_same_step():
    for creator in (Countdown, OnlySameStep, OnlyNextStep):
        toy = environments(creator, 2)
        toy.reset([1, 5])
        infos = toy.step(np.zeros(2, np.int64)).infos
        assert infos["left_at_end"][0] == 0
        assert infos["_left_at_end"].tolist() == [True, False]


def test_a_last_observation_that_is_thrown_away_is_refused():
    toy = environments(OnlySameStep, 1, final=False)
    toy.reset([1])
    with pytest.raises(UserError, match="final_obs"):
        toy.step(np.zeros(1, np.int64))


def test_a_batch_that_does_not_say_how_it_resets_is_refused():
    silent = OnlyNextStep()
    silent.metadata = {}
    with pytest.raises(UserError, match="autoreset_mode"):
        ListVectorEnv([silent], StepTimeout(0))


class HangingBatch(OnlyNextStep):
    """Hangs for a minute where 8 are left."""

    def step(self, actions):
        if self.left[0] == 8:
            time.sleep(60)
        return super().step(actions)


def test_a_batch_that_hangs_is_interrupted_and_named():
    toy = environments(HangingBatch, 3, step_timeout=0.2)
    toy.reset([7, 8, 9])
    began = time.monotonic()
    with pytest.raises(
        UserError,
        match=r"Toy, environment 1 \(seed 8\), step 1: step did not .* \(.*test_wrappers.*\); .*step_timeout=2 among",
    ):
        toy.step(np.zeros(3, np.int64))
    assert time.monotonic() - began < 50  # not the minute that it hangs for


class Plain(gymnasium.Env):
    """Returns what `result` says in its third step, which the second environment takes first."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)

    def __init__(self, **result):
        self.result = result

    def reset(self, *, seed=None, options=None):
        self.seed, self.count = seed, 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.count += 1
        result = {"observation": np.zeros(2, np.float32), "reward": 0.0, "terminated": False, "truncated": False}
        result |= {"info": {}} | (self.result if self.count == 3 and self.seed == 8 else {})
        return tuple(result.values())


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"reward": np.zeros(1)}, r"returned an array of shape \(1,\) as reward, not a number"),
        ({"reward": None}, "returned None as reward, not a number"),
        ({"reward": "1"}, "returned '1' as reward"),
        ({"reward": {"a": 1.0}}, "returned a dict as reward"),
        ({"info": None}, "returned None as info, not a dict"),
        ({"truncated": np.zeros(1, np.bool_)}, r"returned an array of shape \(1,\) as truncated, not a bool"),
        ({"observation": np.zeros(3)}, r"returned an observation of shape \(3,\), not \(2,\)"),
    ],
)
def test_results_that_break_the_interface_are_named_with_their_environment(result, said):
    vector, native, why = vectorize(EnvSpec("Plain", entry_point=Plain), 2, result, None)
    with VecEnv(vector, EnvConfig("Plain"), native, why) as made:
        made.reset([5, 8])
        for _ in range(2):
            made.step(np.zeros(2, np.int64))
        with pytest.raises(UserError, match=r"Plain, environment 1 \(seed 8\), step 3: step " + said):
            made.step(np.zeros(2, np.int64))
