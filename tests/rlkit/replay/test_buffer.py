"""The buffer is compared with a plain list of episodes."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlkit.replay import ReplayBuffer, Transitions
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
    """Environments in which every frame is unique, and a complete record of their episodes."""

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
            buffer.add(Transitions(before, actions, rewards, terminated, truncated, self.observe()))
        for index in np.flatnonzero(terminated | truncated):
            self.running[index] = self.begin()


def stacked(episode, time, stack):
    return [episode["frames"][max(0, time - back)] for back in range(stack - 1, -1, -1)]


def observations(stacks):
    serials = np.array(stacks)  # (N, S); a frame's pixels are the digits of its serial number
    digits = np.stack([serials // 256**place % 256 for place in range(4)], axis=1).reshape(len(stacks), 2, 2, -1)
    return {"picture": digits.astype(np.uint8), "vector": serials[:, -1:].astype(np.float32)}


def check_transition(worlds, batch, index, n_step):
    episode, time = worlds.episodes[int(batch.observations["vector"][index, 0])]
    reached, later = worlds.episodes[int(batch.next_observations["vector"][index, 0])]
    assert reached is episode
    assert 1 <= later - time <= n_step
    running = any(episode is other for other in worlds.running)
    newest = len(episode["frames"]) - (2 if running else 1)  # the current frame is stored with the next step
    assert later == min(time + n_step, newest)
    rewards = episode["rewards"][time:later]
    assert batch.actions[index] == episode["actions"][time]
    assert batch.returns[index] == sum(GAMMA**k * reward for k, reward in enumerate(rewards))
    at_termination = episode["terminated"] and later == len(episode["frames"]) - 1
    assert batch.discounts[index] == (0 if at_termination else GAMMA ** (later - time))
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
def test_every_sampled_transition_is_one_that_was_added(num_envs, n_step, stack, capacity, steps, seed, alpha):
    buffer = make_buffer(capacity, num_envs, n_step, stack, per_alpha=alpha)
    worlds = Worlds(num_envs, stack, seed)
    for _ in range(steps):
        worlds.step(buffer)
    batch = buffer.sample(64)
    for index in range(64):
        check_transition(worlds, batch, index, n_step)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("action", 3, "an action that does not exist"),
        ("action", -2, "an action that does not exist"),
        ("back", -1, "an offset that leads out of it"),
        ("back", 9, "an offset that leads out of it"),
        ("reward", np.nan, "a reward that is not finite"),
        ("discount", 0.5, "a discount other than 0 and 1"),
    ],
)
def test_rows_that_no_buffer_writes_are_refused(field, value, said):
    buffer, other = (make_buffer(num_actions=3) for _ in range(2))
    worlds = Worlds(2, 1, 0)
    for _ in range(3):
        worlds.step(buffer, terminate=0, truncate=0)
    saved = buffer.rows(0, 6)
    saved[field][4] = value
    with pytest.raises(ValueError, match=said):
        other.restore_rows(0, saved)


@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_a_lost_step_is_no_transition_and_the_one_before_it_leads_to_its_observation(alpha):
    buffer = make_buffer(num_envs=2, n_step=3, per_alpha=alpha)
    false = np.zeros(2, np.bool_)
    serial = [observations([[1 + 10 * step], [2 + 10 * step]]) for step in range(6)]
    for step in range(5):
        lost = np.array([step == 2, False])
        reward = np.full(2, 2.0**step, np.float32)
        buffer.add(Transitions(serial[step], np.zeros(2, int), reward, false, lost, serial[step + 1], lost))
    batch = buffer.sample(400)
    seen = batch.observations["vector"][:, 0]
    assert set(seen) == {1, 11, 31} | {2, 12, 22, 32}  # not 21, whose action was lost
    before = seen == 11
    assert set(batch.next_observations["vector"][before, 0]) == {21}
    assert set(batch.returns[before]) == {2.0}
    assert set(batch.discounts[before]) == {GAMMA}


@settings(max_examples=60)
@given(
    num_envs=st.integers(1, 4),
    stack=st.integers(1, 4),
    capacity=st.integers(12, 80),
    steps=st.integers(3, 150),
    cuts=st.lists(st.integers(0, 150), max_size=3),
    seed=st.integers(0, 10**6),
)
def test_prioritized_and_uniform_sampling_draw_from_the_same_rows(num_envs, stack, capacity, steps, cuts, seed):
    buffers = [make_buffer(capacity, num_envs, 3, stack, per_alpha=alpha) for alpha in (0.0, 0.5)]
    worlds = Worlds(num_envs, stack, seed)
    for step in range(steps):
        worlds.step(*buffers)
        if step in cuts:
            for buffer in buffers:
                buffer.cut()
            worlds.running = [worlds.begin() for _ in range(num_envs)]
    uniform, prioritized = buffers
    assert uniform.can_sample() == prioritized.can_sample()
    if uniform.can_sample():  # a row of 80 is missed in 4,000 samples with a probability below 1e-21
        assert set(uniform.sample(4_000).rows) == set(prioritized.sample(4_000).rows)


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


def test_priorities_of_overwritten_transitions_are_ignored():
    buffer = make_buffer(capacity=10, num_envs=1, per_alpha=1.0)
    worlds = Worlds(1, 1, seed=0)
    for _ in range(12):
        worlds.step(buffer, terminate=0, truncate=0)
    before = buffer.state()["priorities"]
    buffer.update_priorities(np.array([0, 1, buffer.oldest - 1]), np.full(3, 100.0))
    np.testing.assert_equal(buffer.state()["priorities"], before)
    buffer.update_priorities(np.array([buffer.oldest]), np.array([100.0]))
    assert buffer.state()["priorities"]["largest"] == pytest.approx(100)


def test_an_error_that_is_not_finite_is_refused():
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


def test_truncation_bootstraps_and_termination_does_not():
    for terminated in (False, True):
        buffer = make_buffer(num_envs=1)
        worlds = Worlds(1, 1, seed=0)
        worlds.step(buffer, terminate=float(terminated), truncate=float(not terminated))
        assert set(buffer.sample(8).discounts) == {0 if terminated else GAMMA}


def test_a_transition_cannot_be_sampled_before_its_successor_is_stored():
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
def test_a_buffer_restored_from_saved_rows_continues_exactly(steps, cuts, stack, alpha):
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
def test_memory_estimate_is_what_the_arrays_take(alpha):
    leaves = {"vector": Leaf("vector", (3,), "float32")}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        generator = np.random.default_rng(0)
        buffer = ReplayBuffer(leaves, 100_000, 1, n_step=1, gamma=1, generator=generator, per_alpha=alpha)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken == pytest.approx(ReplayBuffer.memory_estimate(leaves, buffer.capacity, per_alpha=alpha), rel=0.01)


def test_a_million_steps_of_atari_fit_into_7_gigabytes():
    leaves = {"picture": Leaf("picture", (84, 84, 4), "uint8", 4)}
    assert ReplayBuffer.memory_estimate(leaves, 1_000_000, per_alpha=0.5) <= 7.1e9
    assert ReplayBuffer.memory_estimate(leaves, 1_000_000, per_alpha=0.5, on_disk=True) < 0.04e9


def test_frames_on_disk_are_the_frames_in_memory():
    in_memory, on_disk = make_buffer(60, 2, 3, 4), make_buffer(60, 2, 3, 4, on_disk=True)
    worlds = Worlds(2, 4, seed=1)
    for _ in range(100):
        worlds.step(in_memory, on_disk)
    np.testing.assert_equal(vars(in_memory.sample(64)), vars(on_disk.sample(64)))
    np.testing.assert_equal(in_memory.rows(in_memory.oldest, 70), on_disk.rows(on_disk.oldest, 70))


@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_the_smallest_buffer_holds_two_rows_of_each_environment(alpha):
    with pytest.raises(ValueError, match="capacity = 5 is too small for 3 environments"):
        make_buffer(capacity=5, num_envs=3, per_alpha=alpha)
    buffer, worlds = make_buffer(capacity=6, num_envs=3, per_alpha=alpha), Worlds(3, 1, seed=0)
    assert len(buffer) == 0
    for steps in range(1, 6):
        assert buffer.can_sample() == (steps > 2)
        worlds.step(buffer, terminate=0, truncate=0)
        assert len(buffer) == min(3 * steps, 6)
        assert buffer.oldest == max(3 * steps - 6, 0)
    batch = buffer.sample(64)
    assert set(batch.rows) == {9, 10, 11}
    for index in range(64):
        check_transition(worlds, batch, index, 1)


def test_neither_a_buffer_without_rows_nor_one_that_was_cut_can_be_sampled():
    for alpha in (0.0, 0.6):
        buffer = make_buffer(num_envs=1, per_alpha=alpha)
        with pytest.raises(ValueError, match="no complete transition"):
            buffer.sample(1)
        Worlds(1, 1, seed=0).step(buffer, terminate=0, truncate=0)
        buffer.cut()
        Worlds(1, 1, seed=0).step(buffer, terminate=0, truncate=0)
        assert not buffer.can_sample()


def test_rows_are_restored_without_a_number_of_actions_and_only_as_many_as_were_saved():
    buffer, other = (make_buffer() for _ in range(2))
    worlds = Worlds(2, 1, 0)
    for _ in range(3):
        worlds.step(buffer, terminate=0.5, truncate=0)
    saved = buffer.rows(0, buffer.written)
    other.restore_rows(0, saved[:-1])
    with pytest.raises(ValueError, match=f"{len(saved) - 1} rows .* were restored, {len(saved)} were saved"):
        other.load_state(buffer.state())
    saved["action"][0] = 10**6
    make_buffer().restore_rows(0, saved)
    with pytest.raises(ValueError, match="an action that does not exist"):
        make_buffer(num_actions=3).restore_rows(0, saved)


def test_sums_stop_at_the_end_of_an_episode_and_at_the_newest_row():
    buffer = make_buffer(num_envs=1, n_step=3)
    false, true = np.zeros(1, np.bool_), np.ones(1, np.bool_)
    for step, (terminated, truncated) in enumerate(
        [(false, false), (true, false), (false, true), (false, false)] + [(false, false)] * 3
    ):
        seen, following = (observations([[number]]) for number in (2 * step + 1, 2 * step + 2))
        buffer.add(
            Transitions(seen, np.zeros(1, int), np.full(1, 4.0**step, np.float32), terminated, truncated, following)
        )
    batch = buffer.sample(500)
    found = {
        int(seen[0]): (value, discount, int(reached[0]))
        for seen, value, discount, reached in zip(
            batch.observations["vector"], batch.returns, batch.discounts, batch.next_observations["vector"], strict=True
        )
    }
    assert found == {
        1: (1 + 4 / 2, 0, 4),  # terminated after two rewards
        3: (4, 0, 4),
        5: (16, 1 / 2, 6),  # truncated: the value of the last observation counts
        7: (64 + 256 / 2 + 1024 / 4, 1 / 8, 13),
        9: (256 + 1024 / 2, 1 / 4, 13),  # the newest row, whose reward is not stored yet
        11: (1024, 1 / 2, 13),
    }
