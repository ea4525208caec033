"""The DQN agent: act epsilon-greedily, store transitions, learn from replayed ones; and its description for people."""

from collections.abc import Callable, Collection, Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.agent import Agent, Inspection, State, Transitions
from rlkit.nn.encoders import is_small
from rlkit.nn.layers import NoisyLinear
from rlkit.nn.utils import count, to_tensors
from rlkit.replay import ReplayBuffer
from rlkit.replay.mirroring import mirror_every_second
from rlkit.schedules import Geometric, Linear
from rlkit.spaces import Mirror, Observations, Spaces
from rlkit_agents.dqn.batch import to_device
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.distributions import build_distribution
from rlkit_agents.dqn.exploration import EpsilonGreedy, ExplorationClock
from rlkit_agents.dqn.learner import Learner, build_optimizer
from rlkit_agents.dqn.network import build_network
from rlkit_agents.dqn.presets import PRESETS

MEASURED = 4_096  # observations that say how large a vector's entries are


class DQN(Agent):
    """Deep Q-network (Mnih et al. 2015) and its family: double, dueling, distributional, noisy, prioritised and more.

    It is given its parts and builds none; `build` puts them together from a configuration.

    Args:
        learner: Networks and what a gradient step does to them.
        replay: Where transitions are kept and drawn from.
        config: Hyperparameters.
        spaces: What is observed, and what can be done.
        exploration: Who explores, and how.
        device: Where networks live.
    """

    Config: ClassVar[type] = DQNConfig
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], DQNConfig]]] = PRESETS

    def __init__(
        self,
        learner: Learner,
        replay: ReplayBuffer,
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
        self._epsilon = Linear(
            config.exploration_initial_epsilon, config.exploration_final_epsilon, config.exploration_steps
        )
        self._clock = ExplorationClock(config.exploration_min_events, limit=config.exploration_steps // 10)
        self._hold = Linear(config.exploration_repeat, 1.0, config.exploration_steps)
        self._learning_rate = Linear(config.learning_rate, config.learning_rate_final, config.learning_rate_steps)
        self._importance = Linear(config.per_beta, 1.0, config.per_beta_steps)
        self._n_step = Geometric(config.n_step, config.n_step_final or config.n_step, config.n_step_decay_updates)
        self.steps = 0  # of single environments, observed

    @classmethod
    def build(cls, spaces: Spaces, config: DQNConfig, num_envs: int, device: str, seed: int) -> Self:
        """Make the agent with all its parts; weights, exploration, sampling and learning each have their own chance."""
        config.check_for(spaces)
        for_weights, for_exploration, for_sampling, for_learning = np.random.SeedSequence(seed).spawn(4)
        chance = torch.Generator(device).manual_seed(_whole_number(for_learning))
        distribution = build_distribution(config, chance)
        weights = torch.Generator().manual_seed(_whole_number(for_weights))
        network = build_network(spaces, config, distribution.outputs, weights, device)
        replay = ReplayBuffer(
            spaces.observations,
            config.buffer_size,
            num_envs,
            n_step=config.n_step,
            gamma=config.gamma,
            generator=np.random.default_rng(for_sampling),
            per_alpha=config.per_alpha,
            on_disk=config.replay_on_disk,
        )
        learner = Learner(network, build_optimizer(network, config), distribution, config, chance)
        exploration = EpsilonGreedy(spaces.num_actions, num_envs, np.random.default_rng(for_exploration))
        return cls(learner, replay, config, spaces, exploration, device)

    @classmethod
    def default_steps(cls, spaces: Spaces) -> int:
        """A minute or so of training on a laptop: pictures take longer to understand than vectors."""
        return 250_000 if any(leaf.is_picture for leaf in spaces.observations.values()) else 100_000

    # -------------------------------------------------------------------------------------------------------- acting

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Greedy actions, while exploring replaced by random ones for a share epsilon of the environments."""
        if not explore:
            return _best(self.learner.thoughts(to_tensors(observations, self.device))["q"])
        exploring, random_actions = self._exploration.draw(self.epsilon, self._hold(self._clock.steps))
        if exploring.all():
            return random_actions
        values = self.learner.exploring_values(to_tensors(observations, self.device))
        return np.where(exploring, random_actions, _best(values))

    @property
    def epsilon(self) -> float:
        """Share of random actions while exploring."""
        return self._epsilon(self._clock.steps)

    def inspect(self, observations: Observations, want: Collection[str] = ("q",)) -> Inspection:
        """Action values of N observations, what is known of their distribution, and the network's input."""
        network_input = observations if "network_input" in want else None
        if set(want) <= {"network_input"}:
            return Inspection(network_input=network_input)
        thoughts = self.learner.thoughts(to_tensors(observations, self.device))
        wanted = {name: thought.cpu().numpy() for name, thought in thoughts.items() if name in want}
        return Inspection(**wanted, network_input=network_input)

    # ------------------------------------------------------------------------------------------------------ learning

    def observe(self, transitions: Transitions) -> None:
        """Store one step of every environment, rewards scaled and clipped if so configured."""
        rewards = transitions.rewards
        if self.config.reward_scale != 1.0:
            rewards = rewards * self.config.reward_scale
        if self.config.reward_clip is not None:
            rewards = np.clip(rewards, -self.config.reward_clip, self.config.reward_clip)
        self._replay.add(
            transitions.observations,
            transitions.actions,
            rewards,
            transitions.terminated,
            transitions.truncated,
            transitions.next_observations,
        )
        self._exploration.end(transitions.terminated | transitions.truncated)
        self._clock.observe(transitions.rewards, transitions.terminated)
        self.steps += len(transitions.actions)

    def update(self, env_steps: int) -> dict[str, float]:
        """Take the gradient steps that are due after `env_steps` steps: one for each update interval gone by."""
        due = (env_steps - self.config.learning_starts) // self.config.update_interval - self.updates
        metrics: dict[str, Tensor] = {}
        if due > 0 and self.updates == 0:
            if not self._replay.can_sample():  # in a short run, one may be due after the first step of all
                return {}
            self.learner.measure(to_tensors(self._replay.sample(MEASURED).observations, self.device))
        for _ in range(due):
            self._replay.n_step = round(self._n_step(self.learner.updates_since_reset))
            batch = self._replay.sample(self.config.batch_size, self._importance(self.steps))
            if self._mirror is not None:
                batch = mirror_every_second(batch, self._mirror)
            metrics, priorities = self.learner.step(to_device(batch, self.device), self._learning_rate(self.steps))
            if self.config.per_alpha > 0:
                self._replay.update_priorities(batch.rows, priorities.cpu().numpy())
        if not metrics:
            return {}
        values = {f"train/{name}": float(value) for name, value in metrics.items()}
        return values | {
            "train/learning_rate": self._learning_rate(self.steps),
            "train/n_updates": self.updates,
            "rollout/exploration_rate": self.epsilon,
        }

    @property
    def updates(self) -> int:
        """Gradient steps taken."""
        return self.learner.updates

    # ------------------------------------------------------------------------------------------------ saving, telling

    @property
    def replay(self) -> ReplayBuffer:
        """The replay buffer."""
        return self._replay

    @property
    def threads(self) -> int | None:
        """One, unless large pictures make the convolutions worth sharing."""
        pictures = [leaf for leaf in self.spaces.observations.values() if leaf.is_picture]
        return 1 if all(is_small(leaf) for leaf in pictures) else None

    def memory_estimate(self) -> int:
        """Bytes of the full replay buffer, the three networks and Adam's two moments."""
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
        """The network, the memory and the rhythm of learning, one line each."""
        return describe(self.learner, self.spaces, self.config, self._replay_bytes, self._mirror is not None)

    def weights(self) -> dict[str, Tensor]:
        """The weights that act greedily."""
        return dict(self.learner.greedy.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights that act greedily; the other networks follow with `load_state`."""
        for network in (self.learner.online, self.learner.target, self.learner.averaged):
            network.load_state_dict(weights)

    def state(self) -> State:
        """What was learned and how, the generator of exploration, and the count of steps."""
        return self.learner.state() | {
            "exploration": self._exploration.state(),
            "exploration_clock": self._clock.state(),
            "steps": self.steps,
        }

    def load_state(self, state: State) -> None:
        """Continue from what `state` gave."""
        self.learner.load_state(state)
        self._exploration.load_state(state["exploration"])
        self._clock.load_state(state["exploration_clock"])
        self.steps = state["steps"]


def _whole_number(seed: np.random.SeedSequence) -> int:
    return int(seed.generate_state(1)[0])


def _best(values: Tensor) -> npt.NDArray[np.int64]:
    best: npt.NDArray[np.int64] = values.argmax(dim=1).cpu().numpy()
    return best


def describe(learner: Learner, spaces: Spaces, config: DQNConfig, replay_bytes: int, mirrored: bool) -> list[str]:
    """The network, what it learns, the memory and the rhythm of updates, one line each."""
    network = learner.online
    layers = " → ".join(
        _name(layer) for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear | NoisyLinear)
    )
    options = [name for name in ("double", "dueling", "munchausen", "layer_norm", "noisy") if getattr(config, name)]
    precision = str(network.precision).removeprefix("torch.")
    extras = [
        "half of each in a mirror" if mirrored else "",
        f"pictures shifted by up to {config.random_shift} pixels" if config.random_shift else "",
        f"layers drawn anew every {config.reset_interval:,} updates" if config.reset_interval else "",
    ]
    return [
        f"Q-network: {layers} ({count(network, spaces)}; {precision})",
        f"learns: {', '.join([learner.distribution.describe(), *options])}",
        f"replay: {config.buffer_size:,} steps, {replay_bytes / 2**20:,.0f} MiB when full; {_returns(config)}"
        + (f"; drawn by error to the power {config.per_alpha:g}" if config.per_alpha else ""),
        ", ".join(
            [
                f"updates: batches of {config.batch_size}, one every {_count(config.update_interval, 'step')}",
                *filter(None, extras),
            ]
        ),
    ]


def _returns(config: DQNConfig) -> str:
    annealed = config.n_step_final is not None and config.n_step_final != config.n_step
    return f"{config.n_step}- to {config.n_step_final}-step returns" if annealed else f"{config.n_step}-step returns"


def _count(number: int, what: str) -> str:
    return what if number == 1 else f"{number} {what}s"


def _name(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        return f"conv2d {layer.kernel_size[0]}×{layer.kernel_size[1]}/{layer.stride[0]} {layer.out_channels}"
    kind = "noisy" if isinstance(layer, NoisyLinear) else "linear"
    return f"{kind} {layer.out_features}"
