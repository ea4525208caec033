"""The buffer is held against a plain list of episodes that does everything the slow way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlkit.replay import ReplayBuffer
from rlkit.spaces import Leaf

GAMMA = 0.5  # powers of it are exact, so sums can be compared exactly


def make_buffer(capacity=1000, num_envs=2, n_step=1, stack=1, **options):
    leaves = {
        "picture": Leaf("picture", (2, 2, stack), "uint8", stack),
        "vector": Leaf("vector", (1,), "float32"),
    }
    generator = np.random.default_rng(0)
    return ReplayBuffer(leaves, capacity, num_envs, n_step=n_step, gamma=GAMMA, generator=generator, **options)


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


@settings(max_examples=60)
@given(
    num_envs=st.integers(1, 4),
    n_step=st.integers(1, 5),
    stack=st.integers(1, 4),
    capacity=st.integers(40, 200),
    steps=st.integers(3, 150),
    seed=st.integers(0, 10**6),
    alpha=st.sampled_from([0.0, 0.6]),
)
def test_every_sampled_transition_is_one_that_happened(num_envs, n_step, stack, capacity, steps, seed, alpha):
    buffer = make_buffer(capacity, num_envs, n_step, stack, per_alpha=alpha)
    worlds = Worlds(num_envs, stack, seed)
    for _ in range(steps):
        worlds.step(buffer)
    batch = buffer.sample(64)
    for index in range(64):
        check_transition(worlds, batch, index, n_step)


@settings(max_examples=60)
@given(
    num_envs=st.integers(1, 4),
    stack=st.integers(1, 4),
    capacity=st.integers(12, 80),
    steps=st.integers(3, 150),
    cuts=st.lists(st.integers(0, 150), max_size=3),
    seed=st.integers(0, 10**6),
)
def test_exactly_what_can_be_sampled_has_a_priority(num_envs, stack, capacity, steps, cuts, seed):
    buffer = make_buffer(capacity, num_envs, 3, stack, per_alpha=0.5)
    worlds = Worlds(num_envs, stack, seed)
    for step in range(steps):
        worlds.step(buffer)
        if step in cuts:
            buffer.cut()
            worlds.running = [worlds.begin() for _ in range(num_envs)]
    rows = np.arange(buffer.oldest, buffer.written)
    has_priority = buffer._priorities._tree.values[rows % capacity] > 0
    np.testing.assert_array_equal(has_priority, buffer._can_be_sampled(rows))


@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_every_stored_transition_is_sampled_about_equally_often(alpha):
    buffer = make_buffer(capacity=60, num_envs=2, per_alpha=alpha)
    worlds = Worlds(2, 1, seed=3)
    for _ in range(100):
        worlds.step(buffer)
    batch = buffer.sample(20_000, per_beta=1.0)
    assert (batch.weights == 1).all()
    counts = np.unique(batch.rows, return_counts=True)[1]
    assert counts.min() > 0.7 * counts.mean()
    assert counts.max() < 1.3 * counts.mean()


def test_a_transition_of_larger_error_is_sampled_more_often_and_counts_less():
    buffer = make_buffer(num_envs=1, per_alpha=1.0)
    worlds = Worlds(1, 1, seed=0)
    for _ in range(5):
        worlds.step(buffer, terminate=0, truncate=0)
    buffer.update_priorities(np.arange(4), np.array([1.0, 1.0, -3.0, 5.0]))
    batch = buffer.sample(10_000, per_beta=1.0)
    np.testing.assert_allclose(np.bincount(batch.rows), [1000, 1000, 3000, 5000], atol=2)
    np.testing.assert_allclose(batch.weights, np.array([1, 1, 1 / 3, 1 / 5])[batch.rows], rtol=1e-5)
    assert (buffer.sample(4).weights == 1).all()


def test_errors_of_transitions_that_were_overwritten_change_nothing():
    buffer = make_buffer(capacity=10, num_envs=1, per_alpha=1.0)
    worlds = Worlds(1, 1, seed=0)
    for _ in range(12):
        worlds.step(buffer, terminate=0, truncate=0)
    before = buffer.state()["priorities"]
    buffer.update_priorities(np.array([0, 1, buffer.oldest - 1]), np.full(3, 100.0))
    np.testing.assert_equal(buffer.state()["priorities"], before)


def test_an_error_that_is_no_number_is_refused():
    buffer = make_buffer(per_alpha=1.0)
    with pytest.raises(ValueError, match="not finite"):
        buffer.update_priorities(np.array([0]), np.array([np.nan]))


def test_the_number_of_steps_summed_may_change_between_samples():
    buffer = make_buffer(num_envs=1, n_step=5)
    worlds = Worlds(1, 1, seed=0)
    for _ in range(30):
        worlds.step(buffer)
    for n_step in (5, 3, 1):
        buffer.n_step = n_step
        batch = buffer.sample(32)
        for index in range(32):
            check_transition(worlds, batch, index, n_step)


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


@settings(max_examples=30)
@given(
    steps=st.integers(4, 120),
    cuts=st.lists(st.integers(1, 100), max_size=4),
    stack=st.integers(1, 3),
    alpha=st.sampled_from([0.0, 0.6]),
)
def test_a_buffer_restored_from_saved_rows_goes_on_the_same(steps, cuts, stack, alpha):
    capacity = 50
    original, worlds = make_buffer(capacity, 3, 3, stack, per_alpha=alpha), Worlds(3, stack, seed=5)
    errors = np.random.default_rng(1)
    segments, saved = [], 0
    for step in range(steps):
        worlds.step(original)
        if step > 2:
            original.update_priorities(original.sample(8).rows, errors.standard_normal(8))
        if step in cuts or step == steps - 1:
            start = max(saved, original.oldest)
            segments.append((start, original.rows(start, original.written)))
            saved = original.written
    restored = make_buffer(capacity, 3, 3, stack, per_alpha=alpha)
    for start, rows in segments:
        restored.restore_rows(start, rows)
    restored.load_state(original.state())
    for _ in range(3):
        ours, theirs = original.sample(16, 0.4), restored.sample(16, 0.4)
        np.testing.assert_equal(vars(ours), vars(theirs))
        for buffer in (original, restored):
            buffer.update_priorities(ours.rows, ours.returns)
        worlds.step(original, restored)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_memory_is_what_was_announced(alpha):
    leaves = {"picture": Leaf("picture", (84, 84, 4), "uint8", 4)}
    buffer = ReplayBuffer(leaves, 1000, 1, n_step=1, gamma=1, generator=np.random.default_rng(0), per_alpha=alpha)
    arrays = [*buffer._frames.values(), buffer._actions, buffer._rewards, buffer._discounts, buffer._back]
    arrays += [buffer._ahead] if alpha == 0 else [buffer._ahead, buffer._priorities._tree._nodes]
    assert sum(array.nbytes for array in arrays) == ReplayBuffer.memory_estimate(leaves, 1000, per_alpha=alpha)


def test_a_million_steps_of_atari_fit_into_7_gigabytes():
    leaves = {"picture": Leaf("picture", (84, 84, 4), "uint8", 4)}
    assert ReplayBuffer.memory_estimate(leaves, 1_000_000, per_alpha=0.5) <= 7.1e9
    assert ReplayBuffer.memory_estimate(leaves, 1_000_000, per_alpha=0.5, on_disk=True) < 0.04e9
    assert ReplayBuffer.disk_estimate(leaves, 1_000_000) == 84 * 84 * 10**6


def test_frames_on_disk_are_the_frames_in_memory():
    in_memory, on_disk = make_buffer(60, 2, 3, 4), make_buffer(60, 2, 3, 4, on_disk=True)
    worlds = Worlds(2, 4, seed=1)
    for _ in range(100):
        worlds.step(in_memory, on_disk)
    np.testing.assert_equal(vars(in_memory.sample(64)), vars(on_disk.sample(64)))
    np.testing.assert_equal(in_memory.rows(in_memory.oldest, 70), on_disk.rows(on_disk.oldest, 70))
