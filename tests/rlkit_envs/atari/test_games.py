"""The environments against the emulator itself, stepped frame by frame."""

import subprocess
import sys

import numpy as np
import pytest

ale_py = pytest.importorskip("ale_py", reason="the emulator is an extra: pip install rlkit-toolkit[atari]")

from ale_py import roms  # noqa: E402
from rlkit_envs.atari.env import AtariEnv  # noqa: E402
from rlkit_envs.atari.vector_env import AtariVectorEnv  # noqa: E402
from rlkit_envs.utils import NO_KEY  # noqa: E402


class Console:
    """A game on ale-py's emulator."""

    def __init__(self, game, seed, sticky):
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.ale = ale_py.ALEInterface()
        self.ale.setFloat("repeat_action_probability", sticky)
        self.ale.setInt("random_seed", seed)
        self.ale.loadROM(roms.get_rom_path(game))
        self.ale.reset_game()

    def step(self, action, frameskip=4):
        """Points, and the maximum of the last two screens."""
        points, screens = 0, []
        for _ in range(frameskip):
            points += self.ale.act(self.ale.getLegalActionSet()[action])
            screens.append(self.ale.getScreenGrayscale())
        return points, np.maximum(*screens[-2:])


def shrunk(screen, height, width):
    """A screen resized by area."""

    def shares(large, small):
        edges = np.linspace(0, large, small + 1)
        low, high = edges[:-1, None], edges[1:, None]
        cells = np.arange(large)
        return np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0, None) * small / large

    return shares(len(screen), height) @ screen @ shares(screen.shape[1], width).T


def play(games, actions):
    return [games.step(np.asarray(action)) for action in actions]


def random_actions(games, steps, seed=0):
    return np.random.default_rng(seed).integers(games.single_action_space.n, size=(steps, games.num_envs))


def test_observations_rewards_and_screens_equal_the_emulators():
    games = AtariVectorEnv("breakout", 1, render_mode="rgb_array")
    games.reset(seed=7)
    console = Console("breakout", 7, sticky=0.25)
    total = 0
    for action in random_actions(games, 120):
        observations, rewards, terminated, truncated, infos = games.step(action)
        points, screen = console.step(int(action[0]))
        total += points
        assert rewards[0] == points
        assert np.abs(observations[0, :, :, 0] - shrunk(screen, 84, 84)).max() <= 1
        assert (games.render()[0] == console.ale.getScreenRGB()).all()
        assert infos["lives"][0] == console.ale.lives()
        assert not terminated[0]
        assert not truncated[0]
    assert total > 0


def test_a_game_depends_only_on_its_seed_and_actions():
    alone = AtariVectorEnv("pong", 1, num_threads=1)
    among = AtariVectorEnv("pong", 3, num_threads=2)
    actions = random_actions(alone, 80)
    first, _ = alone.reset(seed=[11])
    among.reset(seed=[1, 2, 3])
    play(among, random_actions(among, 15))
    begun, _ = among.reset(seed=[0, 11, 0], options={"reset_mask": np.array([False, True, False])})
    assert (begun[1] == first[0]).all()
    company = random_actions(among, 80, seed=5)
    company[:, 1] = actions[:, 0]
    for one, many in zip(play(alone, actions), play(among, company), strict=True):
        assert (one[0][0] == many[0][1]).all()
        assert one[1][0] == many[1][1]


def test_seeds_differ_and_zero_is_valid():
    games = AtariVectorEnv("breakout", 3)
    games.reset(seed=[0, 0, 1])
    last = play(games, np.repeat(random_actions(games, 60)[:, :1], 3, axis=1))[-1][0]
    assert (last[0] == last[1]).all()
    assert (last[0] != last[2]).any()


def test_an_ended_game_is_reset_with_its_seed():
    games = AtariVectorEnv("breakout", 2)
    games.reset(seed=[1, 2])
    for action in random_actions(games, 1_000):
        _, _, terminated, truncated, infos = games.step(action)
        if terminated.any():
            break
    assert (infos["lives"][terminated] == 0).all()
    assert not truncated.any()
    begun, infos = games.reset(seed=[5, 5], options={"reset_mask": terminated})
    other = AtariVectorEnv("breakout", 1)
    fresh, _ = other.reset(seed=[5])
    index = int(np.flatnonzero(terminated)[0])
    assert (begun[index] == fresh[0]).all()
    assert infos["lives"][index] == 5
    actions = random_actions(games, 20, seed=3)
    for ours, theirs in zip(play(games, actions), play(other, actions[:, [index]]), strict=True):
        assert (ours[0][index] == theirs[0][0]).all()


def test_a_limit_truncates_and_returns_the_true_last_observation():
    actions = np.ones((30, 1), np.int64)
    short = AtariVectorEnv("pong", 1, max_episode_steps=30)
    long = AtariVectorEnv("pong", 1)
    short.reset(seed=4)
    long.reset(seed=4)
    cut, whole = play(short, actions), play(long, actions)
    assert [bool(step[3][0]) for step in cut] == [False] * 29 + [True]
    assert not cut[-1][2].any()
    assert (cut[-1][0] == whole[-1][0]).all()
    assert (whole[-1][0] != whole[-2][0]).any()


def test_in_training_by_the_dqn_protocol_a_lost_life_ends_the_episode_and_the_game_goes_on():
    games = AtariVectorEnv("breakout", 1, protocol="dqn", training=True)
    watched = AtariVectorEnv("breakout", 1, protocol="dqn")
    games.reset(seed=1)
    watched.reset(seed=1)
    lives = []
    for _ in range(400):
        observations, _, terminated, _, infos = games.step(np.array([1]))
        shown, _, over, _, _ = watched.step(np.array([1]))
        assert (observations == shown).all()
        if terminated[0]:
            lives.append(int(infos["lives"][0]))
            begun, _ = games.reset(seed=99)
            if lives[-1] > 0:
                assert not over[0]
                assert (begun == observations).all()
        if over[0]:
            break
    assert lives == [4, 3, 2, 1, 0]


def test_no_op_starts_of_the_dqn_protocol_vary():
    games = AtariVectorEnv("pong", 8, protocol="dqn")
    _, infos = games.reset(seed=list(range(8)))
    assert len(set(infos["episode_frame_number"])) > 3
    assert infos["episode_frame_number"].max() <= 30
    assert games.single_action_space.n == 6


def test_a_single_environment_equals_one_of_the_vector():
    single, many = AtariEnv("freeway", obs_type="rgb"), AtariVectorEnv("freeway", 2, obs_type="rgb")
    first, _ = single.reset(seed=3)
    others, _ = many.reset(seed=[8, 3])
    assert (first == others[1]).all()
    for action in random_actions(many, 30):
        observation, reward, *_ = single.step(action[1])
        observations, rewards, *_ = many.step(action)
        assert observation.shape == (84, 84, 3)
        assert (observation == observations[1]).all()
        assert reward == rewards[1]


def test_keys_name_every_action():
    env = AtariEnv("pong")
    keys = env.get_keys_to_action()
    names = env.get_action_meanings()
    assert names[keys[NO_KEY]] == "NOOP"
    assert names[keys[(32, 1073741903, 1073741906)]] == "UPRIGHTFIRE"
    assert sorted(keys.values()) == list(range(18))


def test_ale_pys_autoreset_mode_does_not_reach_other_vector_environments():
    from gymnasium.vector import VectorEnv

    AtariVectorEnv("pong", 1)
    assert "autoreset_mode" not in VectorEnv.metadata


def test_importing_the_package_does_not_import_ale_py():
    code = "import sys, rlkit_envs; sys.exit('ale_py' in sys.modules or 'rlkit_envs.atari' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"game": "pnog"}, "no game 'pnog'"), ({"game": "pong", "autoreset_mode": "NextStep"}, "autoreset_mode")],
)
def test_a_wrong_argument_is_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        AtariVectorEnv(**arguments)
