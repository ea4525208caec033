import importlib
import json
import re
import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401  (registers the games)
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.arcade import GAMES
from rlkit_envs.arcade.batch import GameBatch
from rlkit_envs.arcade.config import ArcadeConfig, load_game
from rlkit_envs.arcade.drawing import SIZE
from rlkit_envs.arcade.env import ArcadeEnv
from rlkit_envs.arcade.vector_env import ArcadeVectorEnv
from rlkit_envs.utils import NO_KEY

ALL = tuple(GAMES)
HEADINGS = [
    "Description",
    "Action Space",
    "Observation Space",
    "Rewards",
    "Starting State",
    "Episode End",
    "Arguments",
]


def vector(name: str, num_envs: int, **kwargs: Any) -> Any:
    return gymnasium.make_vec(
        f"rlkit/{name}-v0", num_envs=num_envs, vectorization_mode="vector_entry_point", **kwargs
    ).unwrapped


def actions_for(env: Any, steps: int, num_envs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, env.single_action_space.n, size=(steps, num_envs))


def scores(name: str, choose: Any, num_envs: int = 24, limit: int = 1500) -> np.ndarray:
    """Score of one episode per seed, truncated after `limit` steps; `choose(batch)` returns the actions."""
    batch = GameBatch(load_game(name), num_envs, ArcadeConfig(max_episode_steps=limit), 1)
    batch.begin(np.ones(num_envs, dtype=np.bool_), list(range(1000, 1000 + num_envs)))
    final = np.zeros(num_envs)
    running = np.ones(num_envs, dtype=np.bool_)
    for _ in range(limit):
        batch.step(choose(batch))
        ended = batch.ended() & running
        final[ended] = batch.records["score"][ended]
        running &= ~ended
        if not running.any():
            break
        if (over := batch.records["over"] != 0).any():  # games that ended go on uncounted
            batch.begin(over, [None] * num_envs)
    return final


@pytest.mark.parametrize("name", ALL)
def test_gymnasiums_environment_checker_passes(name: str) -> None:
    check_env(gymnasium.make(f"rlkit/{name}-v0", render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("name", ALL)
def test_a_games_documentation_has_gymnasiums_headings_and_names_its_actions(name: str) -> None:
    spec = gymnasium.spec(f"rlkit/{name}-v0")
    text = importlib.import_module(f"rlkit_envs.arcade.games.{spec.kwargs['game']}").__doc__ or ""
    assert re.findall("^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert re.findall("^    ## (.*)$", ArcadeEnv.__doc__ or "", re.MULTILINE) == HEADINGS
    names = load_game(name).action_names
    listed = ", ".join(f"{action} {action_name}" for action, action_name in enumerate(names))
    assert f"``Discrete({len(names)})``: {listed}." in text


def test_kernels_over_a_batch_are_loaded_from_disk_in_the_next_process() -> None:
    env = vector("Duel", 2)
    env.reset(seed=0)
    env.step(np.zeros(2, dtype=np.int64))
    env.expert_action()
    code = """if True:
        from rlkit_envs.arcade.batch import GameBatch
        from rlkit_envs.arcade.config import ArcadeConfig, load_game
        import numpy as np
        batch = GameBatch(load_game("duel"), 2, ArcadeConfig(), 1)
        batch.begin(np.ones(2, dtype=np.bool_), [0, 1])
        batch.step(batch.expert_actions())
        game = batch.game
        print([sum(kernel.stats.cache_hits.values()) for kernel in (game.reset, game.step, game.draw, game.expert)])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[1,", "1,", "1,", "1]"]


@pytest.mark.parametrize("name", ALL)
def test_a_batch_equals_single_games(name: str) -> None:
    many = vector(name, 5, repeat_action_probability=0.2)
    singles = [gymnasium.make(f"rlkit/{name}-v0", repeat_action_probability=0.2).unwrapped for _ in range(5)]
    first, _ = many.reset(seed=7)
    for i, single in enumerate(singles):
        np.testing.assert_array_equal(single.reset(seed=7 + i)[0], first[i])
    for actions in actions_for(many, 300, 5):
        seen, rewards, terminated, truncated, infos = many.step(actions)
        for i, single in enumerate(singles):
            one = single.step(actions[i])
            np.testing.assert_array_equal(one[0], seen[i])
            assert one[1:4] == (rewards[i], terminated[i], truncated[i])
            assert one[4] == {key: infos[key][i] for key in ("score", "level", "lives")}
        ended = terminated | truncated
        if ended.any():
            again, _ = many.reset(options={"reset_mask": ended})
            for i in np.flatnonzero(ended):
                np.testing.assert_array_equal(singles[i].reset()[0], again[i])


@pytest.mark.parametrize("name", ALL)
def test_an_episode_can_end_with_the_loss_of_a_life(name: str) -> None:
    env = vector(name, 32, terminal_on_life_loss=True)
    _, infos = env.reset(seed=5)
    whole = vector(name, 1).reset(seed=5)[1]["lives"][0]
    assert set(infos["lives"]) == set(range(1, whole + 1))  # all numbers of lives occur at the start
    lives, lost = infos["lives"], 0
    for actions in actions_for(env, 600, 32):
        _, _, terminated, truncated, infos = env.step(actions)
        np.testing.assert_array_equal(terminated, infos["lives"] < lives)
        lost += int(terminated.sum())
        lives = infos["lives"]
        if (ended := terminated | truncated).any():
            lives = env.reset(options={"reset_mask": ended})[1]["lives"] * ended + lives * ~ended
    assert lost > 10


@pytest.mark.parametrize("name", ALL)
def test_results_do_not_depend_on_threads(name: str) -> None:
    one, four = (vector(name, 256, num_threads=count, autoreset_mode="next_step") for count in (1, 4))
    one.reset(seed=3)
    four.reset(seed=3)
    for actions in actions_for(one, 40, 256):
        for ours, theirs in zip(one.step(actions)[:4], four.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ALL)
def test_seeds_determine_episodes_and_different_seeds_differ(name: str) -> None:
    def play(seed: int) -> np.ndarray:
        env = gymnasium.make(f"rlkit/{name}-v0").unwrapped
        pictures = [env.reset(seed=seed)[0]]
        for action in np.random.default_rng(5).integers(0, env.action_space.n, size=60):
            seen, _, terminated, truncated, _ = env.step(action)
            pictures.append(seen)
            if terminated or truncated:
                break
        return np.stack(pictures)

    np.testing.assert_array_equal(play(11), play(11))
    longest = min(len(play(11)), len(play(12)))
    assert (play(11)[:longest] != play(12)[:longest]).any()


@pytest.mark.parametrize("name", ALL)
def test_a_state_restored_from_json_continues_equally(name: str) -> None:
    env = gymnasium.make(f"rlkit/{name}-v0").unwrapped
    env.reset(seed=2)
    moves = np.random.default_rng(1).integers(0, env.action_space.n, size=120).tolist()
    for move in moves[:50]:
        _, _, terminated, truncated, _ = env.step(move)
        if terminated or truncated:
            env.reset()
    kept = json.loads(json.dumps(env.get_state()))
    other = gymnasium.make(f"rlkit/{name}-v0").unwrapped
    other.set_state(kept)
    for move in moves[50:]:
        ours, theirs = env.step(move), other.step(move)
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1:] == theirs[1:]
        if ours[2] or ours[3]:
            np.testing.assert_array_equal(env.reset()[0], other.reset()[0])


@pytest.mark.parametrize("name", ALL)
def test_sticky_actions_repeat_with_the_given_probability(name: str) -> None:
    num_envs, steps = 256, 40
    batch = GameBatch(load_game(name), num_envs, ArcadeConfig(repeat_action_probability=0.25), 1)
    batch.begin(np.ones(num_envs, dtype=np.bool_), list(range(num_envs)))
    repeated = 0
    for _ in range(steps):
        before = batch.records["last_action"].copy()
        given = (before + 1) % len(batch.game.action_names)
        batch.step(given)
        repeated += int((batch.records["last_action"] == before).sum())
    assert abs(repeated / (num_envs * steps) - 0.25) < 0.02


@pytest.mark.parametrize("name", ALL)
def test_the_expert_scores_three_times_random_and_constant_actions(name: str) -> None:
    expert = scores(name, lambda batch: batch.expert_actions()).mean()
    count = len(load_game(name).action_names)
    random = np.random.default_rng(0)
    others = [scores(name, lambda batch: random.integers(0, count, size=len(batch.records))).mean()]
    others += [
        scores(name, lambda batch, action=action: np.full(len(batch.records), action)).mean() for action in range(count)
    ]
    assert expert > 3.0 * max(max(others), 0.3), (expert, others)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_under_any_actions_the_state_stays_in_bounds_and_the_observation_shows_it(
    name: str, seed: int, data: st.DataObject
) -> None:
    game = load_game(name)
    batch = GameBatch(game, 4, ArcadeConfig(), 1)
    batch.begin(np.ones(4, dtype=np.bool_), [seed + i for i in range(4)])
    habits = data.draw(st.lists(st.integers(0, len(game.action_names) - 1), min_size=1, max_size=12))
    lives = batch.records["lives"].copy()
    level = batch.records["level"].copy()
    for k in range(150):
        actions = batch.expert_actions() if habits[k % len(habits)] == 0 else np.full(4, habits[k % len(habits)])
        outcome = batch.step(actions)
        assert np.isfinite(outcome.rewards).all()
        assert (batch.records["lives"] <= lives).all()
        assert (batch.records["level"] >= level).all()
        assert ((batch.records["lives"] > 0) | outcome.terminated).all()
        for field in batch.records.dtype.names or ():
            if batch.records.dtype[field].base.kind == "f":
                assert (np.abs(batch.records[field]) < 200.0).all(), field
        assert set(np.unique(batch.observations())) <= game.palette.used() | {0}
        drawn = np.full((4, SIZE, SIZE), 77, dtype=np.uint8)
        game.draw(0, 4, batch.records, np.ones(4, dtype=np.bool_), drawn)
        np.testing.assert_array_equal(drawn, batch.observations()[..., 0])
        lives, level = batch.records["lives"].copy(), batch.records["level"].copy()
        if outcome.terminated.any():
            break


@pytest.mark.parametrize("name", ALL)
def test_rendered_images_are_large_and_in_colour(name: str) -> None:
    env = gymnasium.make(f"rlkit/{name}-v0", render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    env.step(0)
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.shape[0] >= 210
    assert picture.shape[1] >= 160
    assert picture.shape[2] == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_every_action_has_keys() -> None:
    for name in ALL:
        env = gymnasium.make(f"rlkit/{name}-v0").unwrapped
        assert sorted(env.get_keys_to_action().values()) == list(range(env.action_space.n))
        assert env.get_keys_to_action()[NO_KEY] == 0
        assert len(env.metadata["action_names"]) == env.action_space.n


def test_returned_observations_are_never_written_again() -> None:
    env = vector("Bricks", 3)
    first, _ = env.reset(seed=0)
    kept = first.copy()
    second = env.step(np.array([1, 1, 1]))[0]
    kept_second = second.copy()
    env.reset(options={"reset_mask": np.array([True, False, False])})
    env.step(np.array([2, 2, 2]))
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(second, kept_second)


def test_a_partial_reset_leaves_the_other_games_alone() -> None:
    env = vector("Duel", 2)
    env.reset(seed=0)
    for _ in range(20):
        seen = env.step(np.array([1, 1]))[0]
    again, infos = env.reset(options={"reset_mask": np.array([True, False])})
    np.testing.assert_array_equal(again[1], seen[1])
    assert (again[0] != seen[0]).any()
    assert infos["_score"].tolist() == [True, False]


def test_episodes_are_truncated_after_max_episode_steps() -> None:
    short = vector("Undersea", 2, max_episode_steps=5)
    short.reset(seed=0)
    for k in range(5):
        _, _, terminated, truncated, _ = short.step(np.zeros(2, dtype=np.int64))
        assert truncated.all() == (k == 4)
        assert not terminated.any()
    with pytest.raises(ResetNeeded, match="reset_mask"):
        short.step(np.zeros(2, dtype=np.int64))


def test_next_step_autoreset_begins_the_next_episode_one_step_later() -> None:
    env = vector("Undersea", 2, max_episode_steps=3, autoreset_mode=AutoresetMode.NEXT_STEP)
    start, _ = env.reset(seed=0)
    for _ in range(3):
        _, _, _, truncated, _ = env.step(np.full(2, 2))
    assert truncated.all()
    seen, rewards, terminated, truncated, _ = env.step(np.full(2, 2))
    assert not truncated.any()
    assert not terminated.any()
    assert (rewards == 0).all()
    assert env.batch.records["steps"].tolist() == [0, 0]
    assert seen.shape == start.shape


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"repeat_action_probability": 1.5}, "from 0 to 1"),
        ({"repeat_action_probability": float("nan")}, "from 0 to 1"),
        ({"repeat_action_probability": True}, "from 0 to 1"),
        ({"repeat_action_probability": 10**400}, "from 0 to 1"),
        ({"max_episode_steps": 0}, "whole number"),
        ({"max_episode_steps": 10_000_001}, "at most 10,000,000, not 10000001"),
        ({"max_episode_steps": float("inf")}, "whole number"),
        ({"num_envs": 65_537}, "num_envs .* at most 65,536"),
        ({"num_threads": 257}, "num_threads .* at most 256"),
        ({"render_mode": "ansi"}, "render_mode"),
        ({"game": "chess"}, "game should be one of"),
        ({"autoreset_mode": "same_step"}, "autoreset_mode"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ArcadeVectorEnv(**{"game": "duel", "num_envs": 2, **arguments})


def test_wrong_actions_options_and_states_are_named() -> None:
    env = vector("Duel", 2)
    with pytest.raises(ResetNeeded, match="first reset"):
        env.step(np.zeros(2, dtype=np.int64))
    env.reset(seed=0)
    with pytest.raises(ValueError, match="0 to 2 are expected"):
        env.step(np.array([0, 3]))
    with pytest.raises(ValueError, match="whole numbers"):
        env.step(np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="options"):
        env.reset(options={"circuit": 3})
    with pytest.raises(ValueError, match="not a state of Duel"):
        env.set_state(vector_state("Bricks"))


def vector_state(name: str) -> Any:
    env = vector(name, 2)
    env.reset(seed=0)
    return env.get_state()


def test_human_mode_shows_a_window() -> None:
    env = gymnasium.make("rlkit/Duel-v0", render_mode="human").unwrapped
    env.reset(seed=0)
    env.step(1)
    assert env.render() is None
    env.close()
