"""The DQN update: networks, optimizer and targets, one gradient step at a time."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rlkit.nn.heads import kaiming_init_
from rlkit.nn.layers import disable_noise, reset_noise, set_dropout_generator
from rlkit_agents.dqn.batch import TensorBatch, shift_batch
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import Distribution
from rlkit_agents.dqn.network import QNetwork


class Learner:
    """Everything that a gradient step changes.

    Args:
        network: Q-network that learns.
        optimizer: Steps on that network's parameters.
        distribution: What the network's head stands for.
        config: Hyperparameters.
        generator: Randomness of noise, quantiles, shifts, dropout and resets, on the networks' device.

    Attributes:
        online: Learns.
        target: Its older copy, which says what states are worth.
        averaged: The mean of its latest weights, which acts when nothing is to be explored.
        updates: Gradient steps taken.
    """

    def __init__(
        self,
        network: QNetwork,
        optimizer: torch.optim.Optimizer,
        distribution: Distribution,
        config: DQNConfig,
        generator: torch.Generator,
    ):
        self.config = config
        self.online = network
        self.target = _frozen_copy(network)
        self.averaged = _frozen_copy(network)
        self.optimizer = optimizer
        self.distribution = distribution
        self.generator = generator
        self.updates = 0
        self._averaged_follows = _Following(self.averaged, network)
        self._target_follows = _Following(self.target, network)
        self._updates_between_targets = max(1, config.target_update_interval // config.update_interval)

    # ------------------------------------------------------------------------------------------------------ learning

    def step(self, batch: TensorBatch, learning_rate: float) -> tuple[dict[str, Tensor], Tensor]:
        """Take one gradient step.

        Args:
            batch: Transitions.
            learning_rate: Step size.

        Returns:
            Measurements for the curves, and how far off each transition was (B,).
        """
        if self.config.random_shift > 0:
            batch = shift_batch(batch, self.config.random_shift, self.generator)
        if self.config.noisy:
            reset_noise(self.online, self.generator)
            reset_noise(self.target, self.generator)
        if self.config.dropout > 0:
            set_dropout_generator(self.online, self.generator)
        outcome = self.distribution.sample_losses(self.online, self.target, batch)
        if self.config.dropout > 0:
            set_dropout_generator(self.online, None)
        loss = (batch.weights * outcome.losses).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        longest = float("inf") if self.config.max_grad_norm is None else self.config.max_grad_norm
        norm = nn.utils.clip_grad_norm_(self.online.parameters(), longest)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.optimizer.step()
        self._follow()
        return {"loss": loss.detach(), "mean_q": outcome.mean_q, "grad_norm": norm}, outcome.priorities

    def measure(self, observations: Mapping[str, Tensor]) -> None:
        """Before the first step: let all networks know how large the entries of vectors are."""
        for network in (self.online, self.target, self.averaged):
            network.encoder.measure(observations)

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the networks that follow the online one do so, and draw all anew where that is due."""
        if self.config.ema_decay > 0:
            # The mean of few updates, not a memory of the random start: the decay grows up to its final value.
            before = self.updates_since_reset
            decay = min(self.config.ema_decay, before / (before + 10))
            self._averaged_follows(1 - decay)
        self.updates += 1
        if self.config.tau < 1:
            self._target_follows(self.config.tau)
        elif self.updates % self._updates_between_targets == 0:
            self.target.load_state_dict(self.online.state_dict())
        if self.config.reset_interval > 0 and self.updates % self.config.reset_interval == 0:
            self.reset()

    @property
    def updates_since_reset(self) -> int:
        """Gradient steps that the newest layers have seen."""
        return self.updates % self.config.reset_interval if self.config.reset_interval > 0 else self.updates

    @torch.no_grad()
    def reset(self) -> None:
        """Draw dense layers and head anew and shrink the encoder towards a new draw; memory of slopes is cleared.

        A network that is trained often on the same data loses its ability to learn more; what it forgets here is back
        soon, because the replay buffer stays (Nikishin et al. 2022, D'Oro et al. 2023). All networks take the
        same draw, so that targets fit again.
        """
        fresh = copy.deepcopy(self.online).cpu()
        kaiming_init_(fresh, torch.Generator().manual_seed(self._draw_seed()))
        fresh.to(self.generator.device)
        for network in (self.online, self.target, self.averaged):
            encoder = {id(parameter) for parameter in network.encoder.parameters()}
            for parameter, drawn in zip(network.parameters(), fresh.parameters(), strict=True):
                share = self.config.reset_encoder_fraction if id(parameter) in encoder else 1.0
                parameter.lerp_(drawn, share)
        self.optimizer.state.clear()

    def _draw_seed(self) -> int:
        device = self.generator.device
        return int(torch.randint(2**62, (), generator=self.generator, device=device))

    # -------------------------------------------------------------------------------------------------------- acting

    @torch.no_grad()
    def exploring_values(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Action values (B, A) of the online network, with fresh noise if it has noisy layers."""
        if self.config.noisy:
            reset_noise(self.online, self.generator)
        return self.distribution.expected(self.online, observations)

    @torch.no_grad()
    def thoughts(self, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What to act by where nothing is to be explored, by the fields of an `Inspection`; draws nothing."""
        if self.config.noisy:
            disable_noise(self.greedy)
        return self.distribution.inspect(self.greedy, observations)

    @property
    def greedy(self) -> QNetwork:
        """Averaged weights act when nothing is to be explored: they forget less from one update to the next."""
        return self.averaged if self.config.ema_decay > 0 else self.online

    # -------------------------------------------------------------------------------------------------------- saving

    def state(self) -> dict[str, Any]:
        """Networks, optimizer, the generator and the count of updates."""
        return {
            "online": dict(self.online.state_dict()),
            "target": dict(self.target.state_dict()),
            "averaged": dict(self.averaged.state_dict()),
            "optimizer": {str(index): values for index, values in self.optimizer.state_dict()["state"].items()},
            "generator": self.generator.get_state(),
            "updates": self.updates,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self.averaged.load_state_dict(state["averaged"])
        self._load_moments(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.updates = state["updates"]

    def _load_moments(self, saved: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Give the optimizer its moments back, each laid out in memory as its parameter is.

        Fused Adam walks through parameter and moments side by side in memory, and those of convolutions are
        channels-last, which files do not keep.
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
    """Adam (Kingma and Ba 2015), with decay of weights apart from slopes if so asked (AdamW), or centred RMSProp."""
    parameters = network.parameters()
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(
            parameters, lr=config.learning_rate, alpha=0.95, eps=config.adam_epsilon, centered=True
        )
    if config.weight_decay > 0:
        return torch.optim.AdamW(
            parameters, config.learning_rate, eps=config.adam_epsilon, weight_decay=config.weight_decay, fused=True
        )
    return torch.optim.Adam(parameters, config.learning_rate, eps=config.adam_epsilon, fused=True)


def _frozen_copy(network: QNetwork) -> QNetwork:
    return copy.deepcopy(network).requires_grad_(False)


class _Following:
    """Move a network's weights by a share of the way towards another's; what is no weight is copied."""

    def __init__(self, follower: nn.Module, leader: nn.Module):
        self._mine: list[Tensor] = list(follower.parameters())
        self._leaders: list[Tensor] = list(leader.parameters())
        self._others = list(zip(follower.buffers(), leader.buffers(), strict=True))

    def __call__(self, share: float) -> None:
        torch._foreach_lerp_(self._mine, self._leaders, share)
        for mine, leaders in self._others:
            mine.copy_(leaders)
