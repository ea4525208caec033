"""The DQN update: the Bellman target, and one gradient step at a time."""

import copy
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.nn.heads import kaiming_init_
from rlkit.nn.layers import disable_noise, reset_noise, set_dropout_generator
from rlkit.nn.utils import gather_actions, to_tensor
from rlkit.replay import Batch
from rlkit.utils.state_check import check_counts, check_moments, check_state
from rlkit_agents.dqn.augmentation import shift_batch, vary_intensity
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import Distribution, Network
from rlkit_agents.dqn.network import QNetwork
from rlkit_agents.dqn.rmsprop import CentredRMSProp


@torch.no_grad()
def bellman_target(
    distribution: Distribution, online: Network, target: Network, batch: Batch[Tensor], config: DQNConfig
) -> Tensor:
    """The distribution (B, K) that the return of each transition should have: r + discount · Z(s_t).

    - n-step (Sutton 1988): the replay buffer has summed n rewards, and the discount is gamma^n, or 0 after termination.
    - DQN (Mnih et al. 2015): the action in s_t is the best one by the target network, which also evaluates it.
    - double (van Hasselt et al. 2016): the online network selects the action, the target network evaluates it.
    - Munchausen (Vieillard et al. 2020, equation 1): actions follow π = softmax(q / τ) and earn its entropy,
      -τ ln π(a|s_t); the reward is increased by α max(τ ln π(a_tm1|s_tm1), l₀), of the first of n steps only. BTR
      (Clark et al. 2024) takes this logarithm of the online network (`munchausen_policy`).
    """
    z_t, q_t = distribution.evaluate_target(target, batch.next_observations)  # (B, A, K), (B, A)
    if config.munchausen:
        tau = config.munchausen_temperature
        policy = online if config.munchausen_policy == "online" else target
        q_tm1 = distribution.expected(policy, batch.observations)
        log_pi_tm1 = gather_actions(F.log_softmax(q_tm1 / tau, dim=1), batch.actions)
        bonus = config.munchausen_scale * (tau * log_pi_tm1).clamp(min=config.munchausen_clip, max=0)
        log_pi_t = F.log_softmax(q_t / tau, dim=1).unsqueeze(2)  # (B, A, 1)
        soft_z_t = (log_pi_t.exp() * (z_t - tau * log_pi_t)).sum(dim=1)
        return distribution.backup(batch.returns + bonus, batch.discounts, soft_z_t)
    selector_q_t = distribution.expected(online, batch.next_observations) if config.double else q_t
    return distribution.backup(batch.returns, batch.discounts, gather_actions(z_t, selector_q_t.argmax(dim=1)))


class DQNLearner:
    """The networks, the optimizer, and the gradient step on them.

    Args:
        network: Q-network to train.
        make_optimizer: Makes the optimizer of its parameters, before the first gradient step: an agent that only acts
            does without the second that torch takes to import what optimizers need.
        distribution: What the network's outputs stand for.
        config: Hyperparameters.
        generator: Randomness of noise, quantiles, shifts, dropout and resets, on the networks' device.

    Attributes:
        online: The network being trained.
        target: The target network, an older copy.
        ema: The exponential moving average of the weights, which acts greedily.
        updates: Number of gradient steps taken.
        group: The learners that gradients are averaged over.
    """

    def __init__(
        self,
        network: QNetwork,
        make_optimizer: Callable[[], torch.optim.Optimizer],
        distribution: Distribution,
        config: DQNConfig,
        generator: torch.Generator,
    ):
        self.config = config
        self.online = network
        self.target = _frozen_copy(network)
        self.ema = _frozen_copy(network)
        self._make_optimizer = make_optimizer
        self.distribution = distribution
        self.generator = generator
        self.updates = 0
        self.group = ALONE
        self._move_ema = _Interpolation(self.ema, network)
        self._move_target = _Interpolation(self.target, network)
        self._target_interval = max(1, config.target_update_interval // config.update_interval)  # in updates

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimizer of the online network's parameters."""
        return self._make_optimizer()

    # ------------------------------------------------------------------------------------------------------ learning

    def step(self, batch: Batch[npt.NDArray[Any]], learning_rate: float) -> tuple[dict[str, Tensor], Tensor]:
        """Take one gradient step.

        Returns:
            Metrics, of all learners together, and the new priority of each transition (B,).
        """
        config = self.config
        transitions = batch.map(partial(to_tensor, device=self.generator.device.type))
        if config.random_shift > 0:
            transitions = shift_batch(transitions, config.random_shift, self.generator)
        if config.random_intensity > 0:
            transitions = vary_intensity(transitions, config.random_intensity, self.generator)
        if config.noisy:
            reset_noise(self.online, self.generator)
            reset_noise(self.target, self.generator)
        if config.dropout > 0:
            set_dropout_generator(self.online, self.generator)

        targets = bellman_target(self.distribution, self.online, self.target, transitions, config)
        # If the online network took part in the target, it learns with other noise.
        if config.noisy and (config.double or (config.munchausen and config.munchausen_policy == "online")):
            reset_noise(self.online, self.generator)
        sample = self.distribution.losses(self.online, transitions.observations, transitions.actions, targets)
        loss = (transitions.weights * sample.losses).mean()

        if config.dropout > 0:
            set_dropout_generator(self.online, None)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.group.average_gradients(self.online.parameters(), loss.detach(), sample.mean_q)
        max_norm = float("inf") if config.max_grad_norm is None else config.max_grad_norm
        grad_norm = nn.utils.clip_grad_norm_(self.online.parameters(), max_norm)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()

        self.update_ema()
        self.updates += 1
        self.update_target()
        if config.reset_interval > 0 and self.updates % config.reset_interval == 0:
            self.reset()
        return {"loss": loss.detach(), "mean_q": sample.mean_q, "grad_norm": grad_norm}, sample.priorities

    def update_ema(self) -> None:
        """Move the averaged weights towards the online ones (Izmailov et al. 2018).

        The decay grows to its final value, so that the average of few updates does not contain the initial weights.
        """
        if self.config.ema_decay > 0:
            updates = self.updates_since_reset
            self._move_ema(1 - min(self.config.ema_decay, updates / (updates + 10)))

    def update_target(self) -> None:
        """Copy the online weights to the target network at intervals, or move it by `tau` at every update."""
        if self.config.tau < 1:
            self._move_target(self.config.tau)
        elif self.updates % self._target_interval == 0:
            self.target.load_state_dict(self.online.state_dict())

    @property
    def updates_since_reset(self) -> int:
        """Gradient steps since the latest reset."""
        return self.updates % self.config.reset_interval if self.config.reset_interval > 0 else self.updates

    @torch.no_grad()
    def reset(self) -> None:
        """Reinitialise dense layers and head, interpolate the encoder towards a new initialisation, clear the moments.

        Restores the plasticity that many updates on the same data cost; what is lost is soon relearned from the replay
        buffer (Nikishin et al. 2022; D'Oro et al. 2023). All networks use the same new initialisation.
        """
        fresh = copy.deepcopy(self.online).cpu()
        kaiming_init_(fresh, torch.Generator().manual_seed(self._draw_seed()))
        fresh.to(self.generator.device)
        for network in (self.online, self.target, self.ema):
            encoder = {id(parameter) for parameter in network.encoder.parameters()}
            for parameter, initial in zip(network.parameters(), fresh.parameters(), strict=True):
                parameter.lerp_(initial, self.config.reset_encoder_fraction if id(parameter) in encoder else 1.0)
        self.optimizer.state.clear()

    def _draw_seed(self) -> int:
        drawn = int(torch.randint(2**62, (), generator=self.generator, device=self.generator.device))
        return self.group.of_first(drawn)[0]

    def fit_normalization(self, observations: Mapping[str, Tensor]) -> None:
        """Set the mean and standard deviation by which all networks normalize vectors, unless they were loaded."""
        for network in (self.online, self.target, self.ema):
            network.encoder.fit_normalization(observations)
            self.group.broadcast(network.encoder.buffers())

    def join(self, group: LearnerGroup) -> None:
        """Begin with the networks of the first learner of a group, and average gradients over all of them."""
        self.group = group
        for network in (self.online, self.target, self.ema):
            group.broadcast([*network.parameters(), *network.buffers()])

    # -------------------------------------------------------------------------------------------------------- acting

    @torch.no_grad()
    def exploration_values(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Action values (B, A) of the online network, with fresh noise if it has noisy layers."""
        if self.config.noisy:
            reset_noise(self.online, self.generator)
        return self.distribution.expected(self.online, observations)

    @torch.no_grad()
    def inspect(self, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Estimates of the greedy network by the fields of an `Inspection`; draws no random number."""
        if self.config.noisy:
            disable_noise(self.greedy)
        return self.distribution.inspect(self.greedy, observations)

    @property
    def greedy(self) -> QNetwork:
        """The network that acts without exploration: the averaged one, or the online one if `ema_decay` is 0."""
        return self.ema if self.config.ema_decay > 0 else self.online

    # -------------------------------------------------------------------------------------------------------- saving

    def state(self) -> dict[str, Any]:
        """Networks, optimizer, generator and the number of updates."""
        return {
            "online": dict(self.online.state_dict()),
            "target": dict(self.target.state_dict()),
            "ema": dict(self.ema.state_dict()),
            "optimizer": {str(index): values for index, values in self.optimizer.state_dict()["state"].items()},
            "generator": self.generator.get_state(),
            "updates": self.updates,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`.

        Raises:
            ValueError: It is not of such a learner.
        """
        check_counts(state, "updates")
        check_moments(state["optimizer"], self.optimizer)
        own = self.state()
        check_state({name: state[name] for name in own}, own | {"optimizer": {}})
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self.ema.load_state_dict(state["ema"])
        self._load_moments(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.updates = state["updates"]

    def _load_moments(self, saved: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Restore the optimizer's moments in the memory format of their parameters.

        Fused Adam reads parameters and moments in storage order, and those of convolutions are channels-last, which
        files do not record.
        """
        parameters = list(self.online.parameters())
        moments = {
            int(index): {
                name: torch.empty_like(parameters[int(index)]).copy_(value) if value.dim() else value
                for name, value in values.items()
            }
            for index, values in saved.items()
        }
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})


def build_optimizer(network: nn.Module, config: DQNConfig) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) with weight decay, or centred RMSProp."""
    parameters = network.parameters()
    if config.optimizer == "rmsprop-published":
        return CentredRMSProp(parameters, lr=config.learning_rate, alpha=0.95, eps=config.adam_epsilon)
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(
            parameters, lr=config.learning_rate, alpha=0.95, eps=config.adam_epsilon, centered=True
        )
    if config.weight_decay > 0:
        return torch.optim.AdamW(
            parameters, config.learning_rate, eps=config.adam_epsilon, weight_decay=config.weight_decay, fused=True
        )
    return torch.optim.Adam(parameters, config.learning_rate, eps=config.adam_epsilon, fused=True)


class _Interpolation:
    """Move the parameters of a network towards those of another, in place; buffers are copied."""

    def __init__(self, network: nn.Module, other: nn.Module):
        self._parameters: list[Tensor] = list(network.parameters())
        self._others: list[Tensor] = list(other.parameters())
        self._buffers = list(zip(network.buffers(), other.buffers(), strict=True))

    @torch.no_grad()
    def __call__(self, weight: float) -> None:
        torch._foreach_lerp_(self._parameters, self._others, weight)
        for buffer, other in self._buffers:
            buffer.copy_(other)


def _frozen_copy(network: QNetwork) -> QNetwork:
    return copy.deepcopy(network).requires_grad_(False)
