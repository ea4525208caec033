"""A buffer in another process holds and gives what one in this process does."""

import os
import signal
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlkit.replay import ReplayBuffer, Transitions
from rlkit.replay.remote import Chunk, RemoteReplayBuffer, ReplayLost, ReplayServer
from rlkit.spaces import Leaf
from rlkit.training.cluster import connected

LEAVES = {"picture": Leaf("picture", (2, 2, 3), "uint8", 3), "vector": Leaf("vector", (2,), "float32")}


def make_buffer(num_envs=3, per_alpha=0.0, n_step=2):
    return ReplayBuffer(
        LEAVES, 300, num_envs, n_step=n_step, gamma=0.5, generator=np.random.default_rng(0), per_alpha=per_alpha
    )


class Walks:
    """Environment e shows (e, t); its rewards are t. Episodes end at random; times go on."""

    def __init__(self, envs, seed):
        self.envs, self.rng = np.array(envs), np.random.default_rng(seed)
        self.times = np.zeros(len(envs), dtype=int)
        self.began = self.times.copy()

    def show(self):
        stacks = np.stack([np.maximum(self.times - back, self.began) % 256 for back in (2, 1, 0)], axis=-1)
        pictures = np.broadcast_to(stacks[:, None, None, :], (len(self.envs), 2, 2, 3))
        return {
            "picture": pictures.astype(np.uint8),
            "vector": np.stack([self.envs, self.times], axis=1).astype(np.float32),
        }

    def step(self):
        before = self.show()
        rewards = self.times.astype(np.float32)
        actions = self.rng.integers(4, size=len(self.envs))
        terminated, truncated, lost = (self.rng.random((3, len(self.envs))).T < (0.1, 0.1, 0.05)).T
        terminated &= ~lost
        self.times = self.times + 1
        step = Transitions(before, actions, rewards, terminated, truncated | lost, self.show(), lost)
        ended = terminated | truncated | lost
        self.times = np.where(ended, self.times + 10, self.times)  # the next episode begins elsewhere
        self.began = np.where(ended, self.times, self.began)
        return step


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), alpha=st.sampled_from([0.0, 0.6]), length=st.integers(1, 9))
def test_chunks_of_several_actors_become_the_transitions_that_they_hold(seed, alpha, length):
    server = ReplayServer(make_buffer(per_alpha=alpha).arguments, np.random.default_rng(0).bit_generator.state)
    actors = [Walks([0, 1], seed), Walks([2], seed + 1)]
    for number in range(2, 30 // length + 4):
        walk = actors[number % 2]
        steps = [walk.step() for _ in range(length)]
        errors = np.ones((length, len(walk.envs)), np.float32) if alpha else None
        server.add(Chunk.of(steps, walk.envs, LEAVES, errors, cut=number < 4))
    batch = server.sample(1, 64, 0.4, 2)[0]
    env, at = batch.observations["vector"].T
    other, reached = batch.next_observations["vector"].T
    np.testing.assert_array_equal(env, other)
    assert set(reached - at) <= {1, 2}
    expected = at + np.where(reached - at == 2, 0.5 * (at + 1), 0)
    np.testing.assert_array_equal(batch.returns, expected)
    for seen in (batch.observations, batch.next_observations):  # stacks never reach over an episode's start
        newest = seen["vector"][:, 1].astype(int)
        pictures = seen["picture"][:, 0, 0].astype(int)
        assert (pictures[:, 2] == newest % 256).all()
        assert (np.diff(pictures, axis=1) % 256 <= 1).all()


def test_chunks_of_all_environments_give_the_rows_of_single_steps():
    local, walk = make_buffer(), Walks([0, 1, 2], 5)
    server = ReplayServer(make_buffer().arguments, np.random.default_rng(0).bit_generator.state)
    steps = [walk.step() for _ in range(200)]  # more than it holds
    for step in steps:
        local.add(step)
    for start in range(0, 200, 8):
        server.add(Chunk.of(steps[start : start + 8], np.arange(3), LEAVES))
    assert server.get("written") == local.written
    np.testing.assert_array_equal(
        server.call("rows", local.oldest, local.written), local.rows(local.oldest, local.written)
    )


def test_a_chunk_of_a_new_actor_ends_the_episodes_before_it():
    server = ReplayServer(make_buffer().arguments, np.random.default_rng(0).bit_generator.state)
    walk = Walks([0], 0)
    false = np.zeros(1, np.bool_)
    step = Transitions(walk.show(), np.zeros(1, int), np.ones(1, np.float32), false, false, walk.show())
    server.add(Chunk.of([step, step], np.array([0]), LEAVES))
    server.add(Chunk.of([step], np.array([0]), LEAVES, cut=True))
    assert server.call("rows", 0, 3)["back"].tolist() == [0, 1, 0]


@pytest.fixture(scope="module")
def ray():
    with connected("local") as cluster:
        yield cluster.ray


def test_another_process_gives_the_batches_of_this_one_and_says_when_it_ends(ray):
    local, walk = make_buffer(per_alpha=0.6), Walks([0, 1, 2], 5)
    steps = [walk.step() for _ in range(60)]
    for step in steps:
        local.add(step)
    remote = RemoteReplayBuffer(make_buffer(per_alpha=0.6))
    assert not remote.can_sample()
    for start in range(0, 60, 4):
        remote.wait(remote.add_chunk(ray.put(Chunk.of(steps[start : start + 4], np.arange(3), LEAVES))))
    assert (remote.written, remote.oldest) == (local.written, local.oldest)
    expected, given = local.sample(16, 0.4), remote.sample(16, 0.4)
    for name in ("rows", "actions", "returns", "discounts", "weights"):
        np.testing.assert_array_equal(getattr(given, name), getattr(expected, name))
    np.testing.assert_array_equal(given.observations["picture"], expected.observations["picture"])
    given.actions[:] = 0  # may be written to
    remote.update_priorities(given.rows, np.full(16, 3.0))
    other = RemoteReplayBuffer(remote)  # an empty one like it, with what is saved and restored
    other.restore_rows(0, remote.rows(0, remote.written))
    state = remote.state()
    other.load_state(state)
    assert other.state()["generator"] == state["generator"]
    np.testing.assert_array_equal(other.rows(0, other.written), local.rows(0, local.written))
    with pytest.raises(
        ValueError, match="rows of the replay buffer were restored"
    ):  # an error of the buffer is that error here too
        other.load_state(state | {"written": 3})
    os.kill(other.pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(ReplayLost):
        other.sample(16)
    assert time.monotonic() - began < 60
    remote.close()
