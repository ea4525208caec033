"""The buffer is held against a plain list of episodes that does everything the slow way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlkit.replay import ReplayBuffer
from rlkit.spaces import Leaf

GAMMA = 0.5  # powers of it are exact, so sums can be compared exactly


def make_buffer(capacity=1000, num_envs=2, n_step=1, stack=1):
    leaves = {
        "picture": Leaf("picture", (2, 2, stack), "uint8", stack),
        "vector": Leaf("vector", (1,), "float32"),
    }
    generator = np.random.default_rng(0)
    return ReplayBuffer(leaves, capacity, num_envs, n_step=n_step, gamma=GAMMA, generator=generator)


class Worlds:
    """Environments whose every frame is one of a kind, and a complete record of what happened in them."""

    def __init__(self, num_envs, stack, seed):
        self.rng = np.random.default_rng(seed)
        self.num_envs, self.stack = num_envs, stack
        self.serial = 0
        self.episodes = {}  # serial of a frame -> (episode, time)
        self.running = [self.begin() for _ in range(num_envs)]

    def begin(self):
        episode = {"frames": [], "rewards": [], "actions": [], "terminated": False}
        self.see(episode)
        return episode

    def see(self, episode):
        self.serial += 1
        self.episodes[self.serial] = (episode, len(episode["frames"]))
        episode["frames"].append(self.serial)

    def observe(self):
        stacks = [stacked(episode, len(episode["frames"]) - 1, self.stack) for episode in self.running]
        return observations(stacks)

    def step(self, *buffers, terminate=0.1, truncate=0.1):
        before = self.observe()
        actions = self.rng.integers(3, size=self.num_envs)
        rewards = self.rng.integers(8, size=self.num_envs).astype(np.float32)
        terminated = self.rng.random(self.num_envs) < terminate
        truncated = self.rng.random(self.num_envs) < truncate
        for episode, action, reward, end in zip(self.running, actions, rewards, terminated, strict=True):
            episode["actions"].append(action)
            episode["rewards"].append(reward)
            episode["terminated"] = bool(end)
            self.see(episode)
        for buffer in buffers:
            buffer.add(before, actions, rewards, terminated, truncated, self.observe())
        for index in np.flatnonzero(terminated | truncated):
            self.running[index] = self.begin()


def stacked(episode, time, stack):
    return [episode["frames"][max(0, time - back)] for back in range(stack - 1, -1, -1)]


def observations(stacks):
    serials = np.array(stacks)  # (N, S); a frame's serial number is written into its pixels, digit by digit
    digits = np.stack([serials // 256**place % 256 for place in range(4)], axis=1).reshape(len(stacks), 2, 2, -1)
    return {"picture": digits.astype(np.uint8), "vector": serials[:, -1:].astype(np.float32)}


def check_transition(worlds, batch, index, n_step):
    episode, time = worlds.episodes[int(batch.observations["vector"][index, 0])]
    reached, later = worlds.episodes[int(batch.next_observations["vector"][index, 0])]
    assert reached is episode
    assert 1 <= later - time <= n_step
    running = any(episode is other for other in worlds.running)
    newest = len(episode["frames"]) - (2 if running else 1)  # the frame now seen is stored with the next step
    assert later == min(time + n_step, newest)
    rewards = episode["rewards"][time:later]
    assert batch.actions[index] == episode["actions"][time]
    assert batch.returns[index] == sum(GAMMA**k * reward for k, reward in enumerate(rewards))
    truly_over = episode["terminated"] and later == len(episode["frames"]) - 1
    assert batch.discounts[index] == (0 if truly_over else GAMMA ** (later - time))
    for seen, when in ((batch.observations, time), (batch.next_observations, later)):
        expected = observations([stacked(episode, when, worlds.stack)])
        np.testing.assert_array_equal(seen["picture"][index], expected["picture"][0])


@settings(max_examples=60, deadline=None)
@given(
    num_envs=st.integers(1, 4),
    n_step=st.integers(1, 5),
    stack=st.integers(1, 4),
    capacity=st.integers(40, 200),
    steps=st.integers(3, 150),
    seed=st.integers(0, 10**6),
)
def test_every_sampled_transition_is_one_that_happened(num_envs, n_step, stack, capacity, steps, seed):
    buffer = make_buffer(capacity, num_envs, n_step, stack)
    worlds = Worlds(num_envs, stack, seed)
    for _ in range(steps):
        worlds.step(buffer)
    batch = buffer.sample(64)
    for index in range(64):
        check_transition(worlds, batch, index, n_step)


def test_every_stored_transition_is_sampled_about_equally_often():
    buffer = make_buffer(capacity=60, num_envs=2)
    worlds = Worlds(2, 1, seed=3)
    for _ in range(100):
        worlds.step(buffer)
    rows = buffer.sample(20_000).rows
    counts = np.unique(rows, return_counts=True)[1]
    assert counts.min() > 0.7 * counts.mean()
    assert counts.max() < 1.3 * counts.mean()


def test_truncated_episode_goes_on_in_value_and_terminated_one_does_not():
    for terminated in (False, True):
        buffer = make_buffer(num_envs=1)
        worlds = Worlds(1, 1, seed=0)
        worlds.step(buffer, terminate=float(terminated), truncate=float(not terminated))
        assert set(buffer.sample(8).discounts) == {0 if terminated else GAMMA}


def test_a_transition_waits_for_its_successor():
    buffer = make_buffer(num_envs=1)
    worlds = Worlds(1, 1, seed=0)
    worlds.step(buffer, terminate=0, truncate=0)
    with pytest.raises(ValueError, match="no complete transition"):
        buffer.sample(1)
    worlds.step(buffer, terminate=0, truncate=0)
    assert set(buffer.sample(8).rows) == {0}


def test_nothing_is_sampled_across_a_cut():
    buffer = make_buffer(num_envs=1, n_step=3)
    worlds = Worlds(1, 1, seed=0)
    for _ in range(3):
        worlds.step(buffer, terminate=0, truncate=0)
    buffer.cut()
    worlds.running = [worlds.begin()]
    for _ in range(3):
        worlds.step(buffer, terminate=0, truncate=0)
    batch = buffer.sample(200)
    assert set(batch.rows) == {0, 1, 3, 4}
    for index in range(200):
        first, last = batch.observations["vector"][index, 0], batch.next_observations["vector"][index, 0]
        assert worlds.episodes[int(first)][0] is worlds.episodes[int(last)][0]


@settings(max_examples=30, deadline=None)
@given(steps=st.integers(4, 120), cuts=st.lists(st.integers(1, 100), max_size=4), stack=st.integers(1, 3))
def test_a_buffer_restored_from_saved_rows_goes_on_the_same(steps, cuts, stack):
    capacity = 50
    original, worlds = make_buffer(capacity, 3, 3, stack), Worlds(3, stack, seed=5)
    segments, saved = [], 0
    for step in range(steps):
        worlds.step(original)
        if step in cuts or step == steps - 1:
            start = max(saved, original.oldest)
            segments.append((start, original.rows(start, original.written)))
            saved = original.written
    restored = make_buffer(capacity, 3, 3, stack)
    for start, rows in segments:
        restored.restore_rows(start, rows)
    restored.load_state(original.state())
    for _ in range(3):
        for ours, theirs in zip(vars(original.sample(16)).values(), vars(restored.sample(16)).values(), strict=True):
            np.testing.assert_equal(ours, theirs)
        worlds.step(original, restored)


def test_memory_is_what_was_announced():
    leaves = {"picture": Leaf("picture", (84, 84, 4), "uint8", 4)}
    capacity = 1000
    buffer = ReplayBuffer(leaves, capacity, 1, n_step=1, gamma=1, generator=np.random.default_rng(0))
    arrays = [
        *buffer._frames.values(),
        buffer._actions,
        buffer._rewards,
        buffer._discounts,
        buffer._back,
        buffer._ahead,
    ]
    assert sum(array.nbytes for array in arrays) == ReplayBuffer.memory_estimate(leaves, capacity)
    assert ReplayBuffer.memory_estimate(leaves, 1_000_000) < 7.1e9
