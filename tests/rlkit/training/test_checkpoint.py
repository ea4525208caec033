"""Checkpoints of a replay buffer; whole runs are resumed in test_resume."""

import numpy as np
import pytest

from rlkit.replay import ReplayBuffer, Transitions
from rlkit.spaces import Leaf
from rlkit.training import checkpoint
from rlkit.training.checkpoint import Checkpoints


class OnlyReplay:
    """A `Trainable` with nothing but a replay buffer."""

    def __init__(self, seed, **options):
        leaves = {"picture": Leaf("picture", (4, 4, 2), "uint8", 2)}
        generator = np.random.default_rng(seed)
        self.replay = ReplayBuffer(leaves, 64, 2, n_step=3, gamma=0.5, generator=generator, **options)

    def weights(self):
        return {"w": np.zeros(1, np.float32)}

    def load_weights(self, weights):
        assert weights.keys() == {"w"}

    def state(self):
        return {}

    def load_state(self, state):
        assert state == {}


def live(agents, steps, seed):
    """Add the same transitions and priorities to all agents."""
    random = np.random.default_rng(seed)
    for _ in range(steps):
        seen = [{"picture": random.integers(0, 256, (2, 4, 4, 2), dtype=np.uint8)} for _ in range(2)]
        ends = random.random((2, 2)) < 0.1
        actions, rewards = random.integers(3, size=2), random.random(2).astype(np.float32)
        for agent in agents:
            agent.replay.add(Transitions(seen[0], actions, rewards, ends[0], ends[1], seen[1]))
        if agents[0].replay.written > 8:
            batches = [agent.replay.sample(8, per_beta=0.5) for agent in agents]
            for batch in batches[1:]:
                np.testing.assert_equal(vars(batch), vars(batches[0]))
            errors = random.standard_normal(8)
            for agent in agents:
                agent.replay.update_priorities(batches[0].rows, errors)


@pytest.mark.parametrize("options", [{}, {"per_alpha": 0.6}, {"per_alpha": 0.6, "on_disk": True}])
@pytest.mark.parametrize("steps", [(2, 1), (20, 10), (50, 100)])
def test_a_replay_buffer_continues_exactly_from_a_checkpoint(steps, options, tmp_path):
    original = OnlyReplay(seed=0, **options)
    checkpoints = Checkpoints(tmp_path)
    for number, more in enumerate(steps):
        live([original], more, seed=number)
        checkpoints.save(number, original, {"steps": number})
    restored = OnlyReplay(seed=1, **options)
    again = Checkpoints(tmp_path)
    newest = again.newest(pytest.fail)
    assert again.restore(newest, restored) == {"steps": 1}
    live([original, restored], 30, seed=9)
    np.testing.assert_equal(restored.replay.state(), original.replay.state())


def test_priorities_change_without_a_row_being_written_again(tmp_path):
    """Rows never change, so what is saved of them grows only with new ones; priorities are saved whole, beside them."""
    agent = OnlyReplay(seed=0, per_alpha=1.0)
    checkpoints = Checkpoints(tmp_path)
    live([agent], 20, seed=0)
    checkpoints.save(1, agent, {})
    segments = sorted((tmp_path / "replay").iterdir())
    agent.replay.update_priorities(agent.replay.sample(8).rows, np.full(8, 9.0))
    checkpoints.save(2, agent, {})
    assert sorted((tmp_path / "replay").iterdir()) == segments
    restored = OnlyReplay(seed=0, per_alpha=1.0)
    checkpoints.restore(checkpoints.newest(pytest.fail), restored)
    np.testing.assert_equal(restored.replay.state(), agent.replay.state())


def test_a_checkpoint_that_training_deletes_while_it_is_read_is_not_reported(tmp_path, monkeypatch):
    """Training writes the next ones meanwhile, of which the newest is returned."""
    agent, training = OnlyReplay(seed=0), Checkpoints(tmp_path)
    training.save(1, agent, {})
    read = checkpoint.read_checkpoint

    def pruned(folder, **options):
        if folder.name == "000000001":
            for steps in (2, 3):
                training.save(steps, agent, {})
        return read(folder, **options)

    monkeypatch.setattr(checkpoint, "read_checkpoint", pruned)
    assert Checkpoints(tmp_path).newest(pytest.fail).steps == 3


def test_weights_are_read_without_the_replay_buffer(tmp_path):
    agent = OnlyReplay(seed=0)
    live([agent], 20, seed=0)
    Checkpoints(tmp_path).save(1, agent, {})
    for segment in (tmp_path / "replay").iterdir():
        segment.unlink()
    told = []
    assert Checkpoints(tmp_path).newest(told.append) is None
    assert "is missing" in told[0]
    assert Checkpoints(tmp_path).newest(pytest.fail, replay=False).steps == 1
