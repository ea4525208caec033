"""Operations of several learners, in threads that are connected by gloo."""

import threading
from datetime import timedelta

import pytest
import torch

from rlkit.errors import UserError
from rlkit.nn import distributed
from rlkit.nn.distributed import ALONE, LearnerGroup, LearnerLost, check_learners, share


def test_each_operation_gives_all_learners_the_same(together):
    def operate(group):
        number = float(group.rank)
        tensors = [torch.full((2, 3), number), torch.tensor(10 * number)]
        group.average(tensors)
        sent = torch.full((4,), number + 5)
        group.broadcast([sent])
        return tensors, group.minimum(3 - number), group.of_first(group.rank + 7, -1), sent

    for tensors, least, of_first, sent in together(3, operate):
        assert torch.equal(tensors[0], torch.ones(2, 3))
        assert tensors[1] == 10
        assert least == 1.0
        assert of_first == (7, -1)
        assert torch.equal(sent, torch.full((4,), 5.0))


def test_averaged_gradients_of_a_total_are_those_of_one_loss(together):
    values = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))

    def gradient(group, weight):
        part = values[group.rank * 6 // group.count :][: 6 // group.count]
        weight = weight.clone().requires_grad_()
        sums = group.total((part * weight).square().sum(0))
        (sums[0] / sums[1].sqrt() + sums[2]).backward()
        group.average_gradients([weight])
        return weight.grad

    weight = torch.tensor([0.5, -1.0, 2.0])
    alone = gradient(ALONE, weight)
    for found in together(3, gradient, weight):
        torch.testing.assert_close(found, alone, rtol=1e-6, atol=1e-6)


def test_channels_last_gradients_keep_their_order(together):
    def gradient(group):
        kernel = torch.zeros(2, 3, 2, 2).to(memory_format=torch.channels_last).requires_grad_()
        (kernel * torch.arange(24.0).view(2, 3, 2, 2) * (group.rank + 1)).sum().backward()
        group.average_gradients([kernel])
        return kernel.grad

    for found in together(2, gradient):
        assert torch.equal(found, 1.5 * torch.arange(24.0).view(2, 3, 2, 2))


def test_seeds_differ_and_the_first_learner_has_that_of_the_run():
    seeds = [LearnerGroup(rank, 3).seed(5) for rank in range(3)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_waiting_for_a_learner_that_has_ended_is_given_up(together, monkeypatch):
    monkeypatch.setattr(distributed, "WAIT", timedelta(milliseconds=20))
    given_up = threading.Event()

    def operate(group):
        if group.rank == 1:
            assert given_up.wait(30)
            return

        def lost():
            raise LearnerLost("it ended")

        group.check = lost
        with pytest.raises(LearnerLost, match="it ended"):
            group.minimum(0.0)
        given_up.set()

    together(2, operate)


def test_what_cannot_be_divided_is_refused():
    assert share("batch_size", 32, 4) == 8
    with pytest.raises(UserError, match="batch_size = 32 cannot be divided by it; use --set batch_size=33"):
        share("batch_size", 32, 3)


def test_more_learners_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_learners(2, "cuda")
    check_learners(9, "cpu")
    with pytest.raises(UserError, match=r"--learners 3: each needs a GPU of its own, and torch finds 2"):
        check_learners(3, "cuda")
