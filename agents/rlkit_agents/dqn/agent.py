"""The DQN agent: act by epsilon-greedy, remember, and learn from replayed transitions."""

import copy
from collections.abc import Callable, Collection, Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.agent import Agent, Inspection, State, Transitions
from rlkit.nn.encoders import is_small
from rlkit.replay import Batch, ReplayBuffer
from rlkit.replay.mirroring import mirror_every_second
from rlkit.spaces import Mirror, Observations, Spaces
from rlkit.training.schedules import Linear
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.dqn.losses import TensorBatch, dqn_loss
from rlkit_agents.dqn.network import QNetwork, build_network
from rlkit_agents.dqn.presets import PRESETS


class DQN(Agent):
    """Deep Q-network (Mnih et al. 2015) with double and dueling learning, n-step returns and averaged weights.

    It is given its parts and builds none; `build` puts them together from a configuration.

    Args:
        network: Q-network that learns.
        optimizer: Steps on that network's parameters.
        replay: Where transitions are kept and drawn from.
        config: Hyperparameters.
        generator: Randomness of exploration.
        device: Where networks live.
        mirror: How half of each batch is mirrored; None to learn it as it was.
    """

    Config: ClassVar[type] = DQNConfig
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], DQNConfig]]] = PRESETS

    def __init__(
        self,
        network: QNetwork,
        optimizer: torch.optim.Optimizer,
        replay: ReplayBuffer,
        config: DQNConfig,
        generator: np.random.Generator,
        device: str,
        mirror: Mirror | None = None,
    ):
        self.config = config
        self.online = network
        self.target = _frozen_copy(network)
        self.averaged = _frozen_copy(network)
        self.optimizer = optimizer
        self.device = device
        self._replay = replay
        self._mirror = mirror
        self._generator = generator
        self._epsilon = Linear(
            config.exploration_initial_epsilon, config.exploration_final_epsilon, config.exploration_steps
        )
        self._learning_rate = Linear(config.learning_rate, config.learning_rate_final, config.learning_rate_steps)
        self._num_actions = int(network(_zeros(replay, device)).shape[1])
        self.steps = 0  # of single environments, observed
        self.updates = 0

    @classmethod
    def build(cls, spaces: Spaces, config: DQNConfig, num_envs: int, device: str, seed: int) -> Self:
        """Make the agent with all its parts; weights, exploration and sampling each have a stream of random numbers."""
        for_weights, for_exploration, for_sampling = np.random.SeedSequence(seed).spawn(3)
        weights = torch.Generator().manual_seed(int(for_weights.generate_state(1)[0]))
        network = build_network(spaces, config, weights).to(device)
        replay = ReplayBuffer(
            spaces.observations,
            config.buffer_size,
            num_envs,
            n_step=config.n_step,
            gamma=config.gamma,
            generator=np.random.default_rng(for_sampling),
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, eps=config.adam_epsilon, fused=True)
        return cls(
            network,
            optimizer,
            replay,
            config,
            np.random.default_rng(for_exploration),
            device,
            spaces.mirror if config.mirror else None,
        )

    @classmethod
    def default_steps(cls, spaces: Spaces) -> int:
        """A minute or so of training on a laptop: pictures take longer to understand than vectors."""
        return 250_000 if any(leaf.is_picture for leaf in spaces.observations.values()) else 100_000

    # -------------------------------------------------------------------------------------------------------- acting

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Greedy actions, while exploring replaced by random ones for a share epsilon of the environments."""
        if not explore:
            return self._best_actions(self._greedy_network, observations)
        count = len(next(iter(observations.values())))
        random_actions = self._generator.integers(self._num_actions, size=count)
        exploring = self._generator.random(count) < self.epsilon
        if exploring.all():
            return random_actions
        return np.where(exploring, random_actions, self._best_actions(self.online, observations))

    @torch.inference_mode()
    def _best_actions(self, network: QNetwork, observations: Observations) -> npt.NDArray[np.int64]:
        best: npt.NDArray[np.int64] = network(self._tensors(observations)).argmax(dim=1).cpu().numpy()
        return best

    @property
    def epsilon(self) -> float:
        """Share of random actions while exploring."""
        return self._epsilon(self.steps)

    @property
    def _greedy_network(self) -> QNetwork:
        """Averaged weights act when nothing is to be explored: they forget less from one update to the next."""
        return self.averaged if self.config.weight_averaging > 0 else self.online

    @torch.no_grad()
    def inspect(self, observations: Observations, want: Collection[str] = ("q",)) -> Inspection:
        """Action values of N observations, and the observations as the network reads them."""
        q = self._greedy_network(self._tensors(observations)).cpu().numpy() if "q" in want else None
        return Inspection(q=q, network_input=observations if "network_input" in want else None)

    # ------------------------------------------------------------------------------------------------------ learning

    def observe(self, transitions: Transitions) -> None:
        """Store one step of every environment, rewards clipped if so configured."""
        rewards = transitions.rewards
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
        self.steps += len(transitions.actions)

    def update(self, env_steps: int) -> dict[str, float]:
        """Take the gradient steps that are due after `env_steps` steps: one for each update interval gone by."""
        due = (env_steps - self.config.learning_starts) // self.config.update_interval - self.updates
        metrics: dict[str, Tensor] = {}
        for _ in range(due):
            batch = self._replay.sample(self.config.batch_size)
            if self._mirror is not None:
                batch = mirror_every_second(batch, self._mirror)
            metrics = self._gradient_step(self._to_device(batch))
            self.updates += 1
            if self.updates % self._updates_between_targets == 0:
                self.target.load_state_dict(self.online.state_dict())
        if not metrics:
            return {}
        values = {f"train/{name}": float(value) for name, value in metrics.items()}
        return values | {
            "train/learning_rate": self._learning_rate(self.steps),
            "train/updates": self.updates,
            "rollout/exploration_rate": self.epsilon,
        }

    @property
    def _updates_between_targets(self) -> int:
        return max(1, self.config.target_update_interval // self.config.update_interval)

    def _gradient_step(self, batch: TensorBatch) -> dict[str, Tensor]:
        loss, mean_q = dqn_loss(self.online, self.target, batch, self.config.double, self.config.loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.online.parameters(), self.config.max_grad_norm)
        self.optimizer.param_groups[0]["lr"] = self._learning_rate(self.steps)
        self.optimizer.step()
        self._average_weights()
        return {"loss": loss.detach(), "mean_q": mean_q, "grad_norm": norm}

    @torch.no_grad()
    def _average_weights(self) -> None:
        if self.config.weight_averaging > 0:
            # The mean of few updates, not a memory of the random start: the decay grows up to its final value.
            decay = min(self.config.weight_averaging, self.updates / (self.updates + 10))
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.online.parameters()), 1 - decay)

    def _to_device(self, batch: Batch) -> TensorBatch:
        return TensorBatch(
            observations=self._tensors(batch.observations),
            actions=torch.from_numpy(batch.actions).to(self.device),
            returns=torch.from_numpy(batch.returns).to(self.device),
            discounts=torch.from_numpy(batch.discounts).to(self.device),
            next_observations=self._tensors(batch.next_observations),
        )

    def _tensors(self, observations: Observations) -> dict[str, Tensor]:
        return {name: torch.from_numpy(leaf).to(self.device) for name, leaf in observations.items()}

    # ------------------------------------------------------------------------------------------------ saving, telling

    @property
    def replay(self) -> ReplayBuffer:
        """The replay buffer."""
        return self._replay

    @property
    def threads(self) -> int | None:
        """One, unless large pictures make the convolutions worth sharing."""
        pictures = [leaf for leaf in self._replay.leaves.values() if leaf.is_picture]
        return 1 if all(is_small(leaf) for leaf in pictures) else None

    def memory_estimate(self) -> int:
        """Bytes of the full replay buffer, the three networks and Adam's two moments."""
        parameters = sum(parameter.numel() for parameter in self.online.parameters())
        return ReplayBuffer.memory_estimate(self._replay.leaves, self._replay.capacity) + 6 * 4 * parameters

    def describe(self) -> list[str]:
        """The network and the memory, one line each."""
        parameters = sum(parameter.numel() for parameter in self.online.parameters())
        options = [name for name in ("double", "dueling", "layer_norm") if getattr(self.config, name)]
        layers = " → ".join(
            type(layer).__name__.lower() + "".join(f" {size}" for size in _sizes(layer))
            for layer in self.online.modules()
            if isinstance(layer, nn.Conv2d | nn.Linear)
        )
        memory = ReplayBuffer.memory_estimate(self._replay.leaves, self._replay.capacity) / 2**20
        return [
            f"Q-network: {layers} ({parameters:,} parameters; {', '.join(options) or 'plain'})",
            f"replay: {self._replay.capacity:,} steps, {memory:,.0f} MiB when full; {self.config.n_step}-step returns",
            f"updates: batches of {self.config.batch_size}, one every {self.config.update_interval} steps"
            + (", half of each in a mirror" if self._mirror is not None else ""),
        ]

    def weights(self) -> dict[str, Tensor]:
        """The weights that act greedily."""
        return dict(self._greedy_network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights that act greedily; the other networks follow with `load_state`."""
        for network in (self.online, self.target, self.averaged):
            network.load_state_dict(weights)

    def state(self) -> State:
        """Networks, optimiser, counters and the generator of exploration."""
        optimizer = self.optimizer.state_dict()["state"]
        return {
            "online": dict(self.online.state_dict()),
            "target": dict(self.target.state_dict()),
            "averaged": dict(self.averaged.state_dict()),
            "optimizer": {str(index): values for index, values in optimizer.items()},
            "exploration": self._generator.bit_generator.state,
            "steps": self.steps,
            "updates": self.updates,
        }

    def load_state(self, state: State) -> None:
        """Continue from what `state` gave."""
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self.averaged.load_state_dict(state["averaged"])
        self._load_moments(state["optimizer"])
        self._generator.bit_generator.state = state["exploration"]
        self.steps = state["steps"]
        self.updates = state["updates"]

    def _load_moments(self, saved: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Give Adam its moments back, each laid out in memory as its parameter is.

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


def _frozen_copy(network: QNetwork) -> QNetwork:
    frozen = copy.deepcopy(network)
    return frozen.requires_grad_(False)


def _zeros(replay: ReplayBuffer, device: str) -> dict[str, Tensor]:
    return {
        name: torch.zeros(
            (1, *leaf.shape), dtype=torch.uint8 if leaf.dtype == "uint8" else torch.float32, device=device
        )
        for name, leaf in replay.leaves.items()
    }


def _sizes(layer: nn.Conv2d | nn.Linear) -> tuple[object, ...]:
    if isinstance(layer, nn.Conv2d):
        return (f"{layer.kernel_size[0]}×{layer.kernel_size[1]}/{layer.stride[0]}", layer.out_channels)
    return (layer.out_features,)
