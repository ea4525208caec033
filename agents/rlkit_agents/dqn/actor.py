"""What explores for a DQN in another process (Ape-X, Horgan et al. 2018): its online network and random actions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rlkit.nn.layers import reset_noise
from rlkit.nn.utils import to_tensors
from rlkit.replay import Transitions
from rlkit.spaces import Observations, Spaces
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import DISTRIBUTIONS
from rlkit_agents.dqn.exploration import EpsilonGreedy
from rlkit_agents.dqn.network import build_network

SPREAD = 64.0  # largest share of random actions of an environment, divided by the smallest


def exploration_spread(num_envs: int) -> npt.NDArray[np.float64]:
    """Factors (N,) of epsilon by environment, evenly spaced on a logarithmic scale, with a mean of 1.

    Ape-X has fixed epsilons from 0.4 to 0.0007 for hundreds of actors; with few, most of their steps are random or
    nearly none are. Here the mean is the epsilon of the schedule for any number of environments, and some explore much
    more and others much less.
    """
    factors = SPREAD ** -((np.arange(num_envs) + 0.5) / num_envs)
    spread: npt.NDArray[np.float64] = factors / factors.mean()
    return spread


def scaled_rewards(transitions: Transitions, config: DQNConfig) -> Transitions:
    """The transitions with rewards as they are stored: scaled, then clipped."""
    rewards = transitions.rewards
    if config.reward_scale != 1.0:
        rewards = rewards * config.reward_scale
    if config.reward_clip is not None:
        rewards = np.clip(rewards, -config.reward_clip, config.reward_clip)
    return replace(transitions, rewards=rewards)


class DQNActor:
    """Explores in some of the environments of a DQN.

    Args:
        spaces: Observations and actions.
        config: Hyperparameters of the agent.
        envs: Numbers of its environments among all.
        num_envs: Number of all.
        seed: Of random actions and noise.
    """

    def __init__(self, spaces: Spaces, config: DQNConfig, envs: range, num_envs: int, seed: np.random.SeedSequence):
        for_actions, for_noise = seed.spawn(2)
        self._config = config
        self._generator = torch.Generator().manual_seed(int(for_noise.generate_state(1)[0]))
        self._distribution = DISTRIBUTIONS[config.distribution](config, self._generator)
        self._network = build_network(spaces, config, self._distribution.outputs, self._generator)
        self._network.requires_grad_(False)
        self._exploration = EpsilonGreedy(spaces.num_actions, len(envs), np.random.default_rng(for_actions))
        self._spread = exploration_spread(num_envs)[envs.start : envs.stop]
        self._epsilon = np.ones(len(envs))
        self._repeat = 1.0
        self._n_step = config.n_step
        self._values: list[npt.NDArray[np.float32]] = []  # of the actions, by step, since the last `td_errors`

    def load(self, weights: Mapping[str, npt.NDArray[Any]] | None, exploration: Mapping[str, float]) -> None:
        """Go on with newer weights, or the same if None, and with the present values of the agent's schedules."""
        if weights is not None:
            self._network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        self._epsilon = np.minimum(1.0, exploration["epsilon"] * self._spread)
        self._repeat = exploration["repeat"]
        self._n_step = int(exploration["n_step"])

    @torch.no_grad()
    def act(self, observations: Observations) -> npt.NDArray[np.int64]:
        """Greedy actions (n,), of which a share is replaced by random ones."""
        if self._config.noisy:
            reset_noise(self._network, self._generator)
        values = self._distribution.expected(self._network, to_tensors(observations, "cpu")).numpy()
        self._values.append(values)
        exploring, random_actions = self._exploration.draw(self._epsilon, self._repeat)
        return np.where(exploring, random_actions, values.argmax(axis=1))

    def observe(self, transitions: Transitions) -> Transitions:
        """The transitions as the replay buffer stores them."""
        self._exploration.end(transitions.terminated | transitions.truncated)
        return scaled_rewards(transitions, self._config)

    def td_errors(self, steps: list[Transitions]) -> npt.NDArray[np.float32] | None:
        """TD errors (T, n) of the steps since the last call, from the values that were computed to act.

        Returns over n steps, or fewer where the steps or the episode end; a truncated episode is bootstrapped from the
        state before its last. Of distributions, these are errors of the mean, whatever the loss makes of the first
        update. None for uniform sampling.
        """
        values, self._values = self._values, []
        if self._config.per_alpha == 0:
            return None
        gamma, last = self._config.gamma, len(steps) - 1
        taken = [np.take_along_axis(q, step.actions[:, None], 1)[:, 0] for q, step in zip(values, steps, strict=True)]
        errors = np.zeros((len(steps), len(self._spread)), dtype=np.float32)
        for t in range(len(steps)):
            returns, discount = np.zeros(len(self._spread)), np.ones(len(self._spread))
            bootstrap, running = values[t].max(axis=1), np.ones(len(self._spread), dtype=np.bool_)
            for k in range(t, min(t + self._n_step, last + 1)):
                step = steps[k]
                returns += np.where(running, discount * step.rewards, 0)
                discount = np.where(running, discount * gamma * ~step.terminated, discount)
                bootstrap = np.where(running, values[k].max(axis=1), bootstrap)
                running = running & ~(step.terminated | step.truncated)
                if k < last:
                    bootstrap = np.where(running, values[k + 1].max(axis=1), bootstrap)
            errors[t] = returns + discount * bootstrap - taken[t]
        return errors
