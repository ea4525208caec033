"""The DQN agent: act epsilon-greedily, store transitions, learn from replayed ones; and its summary."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.agent import Inspection, OffPolicyAgent, State
from rlkit.nn.distributed import ALONE, LearnerGroup, share
from rlkit.nn.encoders import is_small
from rlkit.nn.layers import NoisyLinear
from rlkit.nn.utils import count, to_floats, to_tensors
from rlkit.replay import Batch, Replay, ReplayBuffer, Transitions
from rlkit.replay.mirroring import mirror_every_second
from rlkit.schedules import Exponential, Geometric, Linear
from rlkit.spaces import Mirror, Observations, Spaces
from rlkit.utils.state_check import check_counts, check_state
from rlkit_agents.dqn.actor import DQNActor, scaled_rewards
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import DISTRIBUTIONS, Categorical
from rlkit_agents.dqn.exploration import EpsilonGreedy, ExplorationSteps
from rlkit_agents.dqn.learner import DQNLearner, build_optimizer
from rlkit_agents.dqn.network import build_network
from rlkit_agents.dqn.presets import PRESETS

SUPPORT_ADVICE = "set value_min and value_max to the range of returns, or use distribution=quantile, which needs none"
CLAMPED = 0.1  # share of the distance of two atoms: a target that clamping moves by more is warned of
NORMALIZATION_SAMPLES = 4_096  # observations that mean and standard deviation of vectors are computed from


class DQN(OffPolicyAgent):
    """Deep Q-network (Mnih et al. 2015) and its family: double, dueling, distributional, noisy, prioritized and more.

    Args:
        learner: Networks and the gradient step on them.
        replay: Replay buffer.
        config: Hyperparameters.
        spaces: Observations and actions.
        exploration: Random actions.
        device: "cpu" or "cuda".
    """

    Config: ClassVar[type] = DQNConfig
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], DQNConfig]]] = PRESETS

    def __init__(
        self,
        learner: DQNLearner,
        replay: Replay,
        config: DQNConfig,
        spaces: Spaces,
        exploration: EpsilonGreedy,
        device: str,
    ):
        self.config = config
        self.learner = learner
        self.spaces = spaces
        self.device = device
        self._replay = replay
        self._mirror: Mirror | None = spaces.mirror if config.mirror else None
        self._exploration = exploration
        self._watches_support = self._support_may_be_too_small()
        decay = Exponential if config.exploration_decay == "exponential" else Linear
        self._epsilon = decay(
            config.exploration_initial_epsilon, config.exploration_final_epsilon, config.exploration_steps
        )
        self._exploration_steps = ExplorationSteps(config.exploration_min_events, config.exploration_steps // 10)
        self._repeat = Linear(config.exploration_repeat, 1.0, config.exploration_steps)
        self._learning_rate = Linear(config.learning_rate, config.learning_rate_final, config.learning_rate_steps)
        self._per_beta = Linear(config.per_beta, 1.0, config.per_beta_steps)
        self._n_step = Geometric(config.n_step, config.n_step_final or config.n_step, config.n_step_decay_updates)
        self._group = ALONE
        self.steps = 0  # of a single environment, observed by all learners

    @classmethod
    def build(cls, spaces: Spaces, config: DQNConfig, num_envs: int, device: str, seed: int) -> Self:
        """Build the agent; weights, exploration, sampling and learning have independent random number generators.

        Raises:
            UserError: The configuration does not fit the spaces.
        """
        config.check_for(spaces)
        for_weights, for_exploration, for_sampling, for_learning = np.random.SeedSequence(seed).spawn(4)
        generator = torch.Generator(device).manual_seed(_as_int(for_learning))
        distribution = DISTRIBUTIONS[config.distribution](config, generator)
        weights = torch.Generator().manual_seed(_as_int(for_weights))
        network = build_network(spaces, config, distribution.outputs, weights, device)
        replay = ReplayBuffer(
            spaces.observations,
            config.buffer_size,
            num_envs,
            n_step=config.n_step,
            gamma=config.gamma,
            generator=np.random.default_rng(for_sampling),
            num_actions=spaces.num_actions,
            per_alpha=config.per_alpha,
            on_disk=config.replay_on_disk,
        )
        learner = DQNLearner(network, partial(build_optimizer, network, config), distribution, config, generator)
        exploration = EpsilonGreedy(spaces.num_actions, num_envs, np.random.default_rng(for_exploration))
        return cls(learner, replay, config, spaces, exploration, device)

    @classmethod
    def shared(cls, config: DQNConfig, learners: int) -> DQNConfig:
        """The share of each learner in batch and replay buffer, and in the events that epsilon waits for."""
        return replace(
            config,
            batch_size=share("batch_size", config.batch_size, learners),
            buffer_size=config.buffer_size // learners,
            exploration_min_events=-(-config.exploration_min_events // learners),
        )

    def join(self, group: LearnerGroup) -> None:
        """Train with other learners, each with its own environments and its own share of the replay buffer."""
        self._group = group
        self.learner.join(group)

    @classmethod
    def default_steps(cls, spaces: Spaces) -> int:
        """About a minute of training on a laptop for vectors and small images, a few for larger ones."""
        images = [leaf for leaf in spaces.observations.values() if leaf.is_picture]
        if not images:
            return 100_000
        return 150_000 if all(map(is_small, images)) else 250_000

    # -------------------------------------------------------------------------------------------------------- acting

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Greedy actions; with `explore`, a share epsilon of them is replaced by random ones."""
        if not explore:
            return _best(self.learner.inspect(to_tensors(observations, self.device))["q"])
        exploring, random_actions = self._exploration.draw(self.epsilon, self._repeat(self._exploration_steps.steps))
        if exploring.all():
            return random_actions
        values = self.learner.exploration_values(to_tensors(observations, self.device))
        return np.where(exploring, random_actions, _best(values))

    @property
    def epsilon(self) -> float:
        """Share of random actions during exploration."""
        steps = self._exploration_steps.steps
        end = self.config.exploration_end
        return 0.0 if end is not None and steps >= end else self._epsilon(steps)

    def inspect(self, observations: Observations, want: Collection[str] = ("q",)) -> Inspection:
        """Action values of N observations, the distributions of their returns, and the network's input."""
        network_input = observations if "network_input" in want else None
        if set(want) <= {"network_input"}:
            return Inspection(network_input=network_input)
        estimates = self.learner.inspect(to_tensors(observations, self.device))
        wanted = {name: estimate.cpu().numpy() for name, estimate in estimates.items() if name in want}
        return Inspection(**wanted, network_input=network_input)

    # ------------------------------------------------------------------------------------------------------ learning

    def observe(self, transitions: Transitions) -> None:
        """Store one step of every environment, its rewards scaled and clipped as configured."""
        self._exploration.end(transitions.terminated | transitions.truncated)
        self.count_steps(transitions.rewards, transitions.terminated)
        self._replay.add(scaled_rewards(transitions, self.config))

    def count_steps(self, rewards: npt.NDArray[np.float32], terminated: npt.NDArray[np.bool_]) -> None:
        """Count one step of some environments, whose transitions are in the replay buffer: their schedules go on."""
        self._exploration_steps.observe(rewards, terminated, self._group.count)
        self.steps += self._group.count * len(rewards)

    def update(self, env_steps: int) -> dict[str, float]:
        """Take the gradient steps due after `env_steps` steps: one per `update_interval` after `learning_starts`."""
        due = (env_steps - self.config.learning_starts) // self.config.update_interval - self.updates
        if due <= 0:
            return {}
        if self.updates == 0:
            # A short run may have an update due after its first step.
            if not self._group.minimum(self._replay.can_sample()):
                return {}
            samples = self._replay.sample(NORMALIZATION_SAMPLES)
            self.learner.fit_normalization(to_tensors(samples.observations, self.device))
        learning_rate, per_beta = self._learning_rate(self.steps), self._per_beta(self.steps)
        for _ in range(due):
            self._replay.n_step = round(self._n_step(self.learner.updates_since_reset))
            batch = self._sample(per_beta)
            if self._mirror is not None:
                batch = mirror_every_second(batch, self._mirror)
            metrics, priorities = self.learner.step(batch, learning_rate)
            errors = priorities.cpu().numpy() if self.config.per_alpha > 0 else None
            if errors is not None and np.isfinite(errors).all():  # otherwise the loss is not finite either
                self._replay.update_priorities(batch.rows, errors)
        self._warn_of_clamped_targets()
        return {f"train/{name}": value for name, value in to_floats(metrics).items()} | {
            "train/learning_rate": learning_rate,
            "train/n_updates": self.updates,
            "rollout/exploration_rate": self.epsilon,
        }

    def _sample(self, per_beta: float) -> Batch[npt.NDArray[Any]]:
        """Sample this learner's share of a batch.

        Prioritized, its transitions are drawn with their probabilities in its own part of the replay buffer, and
        importance weights are divided by the largest of all learners.
        """
        batch = self._replay.sample(self.config.batch_size, per_beta)
        if self._group.count == 1 or self.config.per_alpha == 0:
            return batch
        least = self._replay.probability(batch.rows)
        largest = np.float32((least / self._group.minimum(least)) ** -per_beta)  # of this learner's weights
        return replace(batch, weights=batch.weights * largest)

    def _support_may_be_too_small(self) -> bool:
        """Whether returns may lie outside of the support of `categorical`.

        With the rewards of Atari, which environments with a recommended `reward_clip` have, the published support is
        taken as it is.
        """
        config = self.config
        if config.distribution != "categorical" or self.spaces.reward_clip is not None:
            return False
        if config.reward_clip is None or config.gamma == 1:
            return True
        largest = config.reward_clip / (1 - config.gamma)
        return config.value_max < largest or config.value_min > -largest

    def _warn_of_clamped_targets(self) -> None:
        """Warn once of a target that the support clamped."""
        distribution = self.learner.distribution
        if not self._watches_support or not isinstance(distribution, Categorical):
            return
        moved = float(distribution.clamped)
        if moved > CLAMPED * distribution.atom_distance:
            self._watches_support = False
            self.warn(
                f"a target was clamped to the support of C51, {self._support}, after {self.steps:,} steps: its mean "
                f"moved by {moved:.3g}. Larger returns cannot be learned; {SUPPORT_ADVICE}"
            )

    @property
    def _support(self) -> str:
        return f"value_min={self.config.value_min:g} to value_max={self.config.value_max:g}"

    @property
    def updates(self) -> int:
        """Gradient steps taken."""
        return self.learner.updates

    # ---------------------------------------------------------------------------------------------- remote actors

    @classmethod
    def make_actor(
        cls, spaces: Spaces, config: DQNConfig, envs: range, num_envs: int, seed: np.random.SeedSequence
    ) -> DQNActor:
        """What explores in some of the environments, in another process."""
        return DQNActor(spaces, config, envs, num_envs, seed)

    def use_replay(self, replay: Replay) -> None:
        """Take another replay buffer in place of its own."""
        self._replay = replay

    def exploration(self) -> dict[str, float]:
        """The present values of the schedules that actors follow."""
        return {
            "epsilon": self.epsilon,
            "repeat": self._repeat(self._exploration_steps.steps),
            "n_step": float(round(self._n_step(self.learner.updates_since_reset))),
        }

    def exploring_weights(self) -> dict[str, npt.NDArray[Any]]:
        """Weights of the network that explores."""
        return {name: value.cpu().numpy() for name, value in self.learner.online.state_dict().items()}

    # ----------------------------------------------------------------------------------------------- saving, summary

    @property
    def replay(self) -> Replay:
        """The replay buffer."""
        return self._replay

    @property
    def threads(self) -> int | None:
        """One, unless convolutions of large images gain from several."""
        pictures = [leaf for leaf in self.spaces.observations.values() if leaf.is_picture]
        return 1 if all(is_small(leaf) for leaf in pictures) else None

    def memory_estimate(self) -> int:
        """Bytes of the full replay buffer, the three networks, the gradient and Adam's two moments."""
        return self._replay_bytes + 6 * 4 * sum(parameter.numel() for parameter in self.learner.online.parameters())

    @property
    def _replay_bytes(self) -> int:
        return ReplayBuffer.memory_estimate(
            self.spaces.observations,
            self.config.buffer_size,
            per_alpha=self.config.per_alpha,
            on_disk=self.config.replay_on_disk,
        )

    def describe(self) -> list[str]:
        """The network, the loss, the replay buffer and the updates, one line each."""
        config, network = self.config, self.learner.online
        layers = [_name(layer) for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear | NoisyLinear)]
        short = network.precision != torch.float32 and bool(network.encoder.images)
        precision = "convolutions in bfloat16, the rest in float32" if short else "float32"
        options = [name for name in ("double", "dueling", "munchausen", "layer_norm", "noisy") if getattr(config, name)]
        replay = [f"{config.buffer_size:,} steps, {self._replay_bytes / 2**20:,.0f} MiB when full; {_returns(config)}"]
        if config.per_alpha > 0:
            replay.append(f"prioritized, alpha {config.per_alpha:g}")
        updates = [f"batches of {config.batch_size}, one every {_plural(config.update_interval, 'step')}"]
        if self._mirror is not None:
            updates.append("half of each batch mirrored")
        if config.random_shift > 0:
            updates.append(f"images shifted by up to {config.random_shift} pixels")
        if config.random_intensity > 0:
            updates.append(f"their intensity varied by {100 * config.random_intensity:g} %")
        if config.reset_interval > 0:
            updates.append(f"reset every {config.reset_interval:,} updates")
        return [
            f"Q-network: {' → '.join(layers)} ({count(network, self.spaces)}; {precision})",
            f"learns: {', '.join([self.learner.distribution.describe(), *options])}",
            f"replay: {'; '.join(replay)}",
            f"updates: {', '.join(updates)}",
        ]

    def cautions(self) -> list[str]:
        """That the range of returns is unknown, where the network predicts probabilities of fixed returns."""
        if not self._support_may_be_too_small():
            return []
        return [
            f"C51 learns discounted returns from {self._support} only, the published range for Atari's clipped rewards "
            f"unless set otherwise; those that this environment reaches are unknown, and others are clamped: "
            f"{SUPPORT_ADVICE}"
        ]

    def weights(self) -> dict[str, Tensor]:
        """The weights of the network that acts greedily."""
        return dict(self.learner.greedy.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load the weights of the network that acts greedily; `load_state` restores those of the others."""
        for network in (self.learner.online, self.learner.target, self.learner.ema):
            network.load_state_dict(weights)

    def state(self) -> State:
        """The state of the learner and of exploration, and the number of steps."""
        return self.learner.state() | {
            "exploration": self._exploration.state(),
            "exploration_steps": self._exploration_steps.state(),
            "steps": self.steps,
        }

    def load_state(self, state: State) -> None:
        """Continue from a `state`.

        Raises:
            ValueError: It is not of such an agent.
        """
        check_state(state, self.state() | {"optimizer": {}})
        check_counts(state, "steps")
        check_counts(state["exploration_steps"], "steps")
        self.learner.load_state(state)
        self._exploration.load_state(state["exploration"])
        self._exploration_steps.load_state(state["exploration_steps"])
        self.steps = state["steps"]


def _as_int(seed: np.random.SeedSequence) -> int:
    return int(seed.generate_state(1)[0])


def _best(values: Tensor) -> npt.NDArray[np.int64]:
    best: npt.NDArray[np.int64] = values.argmax(dim=1).cpu().numpy()
    return best


def _returns(config: DQNConfig) -> str:
    annealed = config.n_step_final is not None and config.n_step_final != config.n_step
    return f"{config.n_step}- to {config.n_step_final}-step returns" if annealed else f"{config.n_step}-step returns"


def _plural(number: int, what: str) -> str:
    return what if number == 1 else f"{number} {what}s"


def _name(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        return f"conv2d {layer.kernel_size[0]}×{layer.kernel_size[1]}/{layer.stride[0]} {layer.out_channels}"
    kind = "noisy" if isinstance(layer, NoisyLinear) else "linear"
    return f"{kind} {layer.out_features}"
