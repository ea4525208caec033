"""The PQN agent: act epsilon-greedily in many environments, and learn from each rollout."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.agent import Agent, Inspection, State
from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.nn.encoders import is_small
from rlkit.nn.utils import count, gather_actions, to_floats, to_tensor, to_tensors
from rlkit.replay import Transitions
from rlkit.schedules import Linear
from rlkit.spaces import Observations, Spaces
from rlkit.utils.state_check import check_counts, check_moments, check_state
from rlkit_agents.pqn.config import PRESETS, PQNConfig
from rlkit_agents.pqn.network import QNetwork, build_network
from rlkit_agents.pqn.rollout import Rollout

FORWARD_BATCH = 512  # observations in a forward pass for values; more take memory and are no faster


class PQN(Agent):
    """Parallelised Q-network (Gallici et al. 2024): no replay buffer, no target network, but normalized layers.

    Args:
        network: Q-network to train.
        optimizer: Optimizer of its parameters.
        spaces: Observations and actions.
        num_envs: Number of environments stepped together.
        config: Hyperparameters.
        exploration_rng: Randomness of exploration.
        shuffling_rng: Randomness of the minibatches.
        device: "cpu" or "cuda".
    """

    Config: ClassVar[type] = PQNConfig
    presets: ClassVar[Mapping[str, Callable[[Spaces, int], PQNConfig]]] = PRESETS

    def __init__(
        self,
        network: QNetwork,
        optimizer: torch.optim.Optimizer,
        spaces: Spaces,
        num_envs: int,
        config: PQNConfig,
        exploration_rng: np.random.Generator,
        shuffling_rng: np.random.Generator,
        device: str,
    ):
        self.network = network
        self.optimizer = optimizer
        self.config = config
        self.device = device
        self._spaces = spaces
        self._num_envs = num_envs
        self._rollout = Rollout(spaces.observations, config.rollout_steps, num_envs)
        self._exploration_rng = exploration_rng
        self._shuffling_rng = shuffling_rng
        self._epsilon = Linear(
            config.exploration_initial_epsilon, config.exploration_final_epsilon, config.exploration_steps
        )
        self._learning_rate = Linear(config.learning_rate, config.learning_rate_final, config.learning_rate_steps)
        self._group = ALONE
        self.steps = 0  # of a single environment, observed by all learners
        self.updates = 0

    @classmethod
    def build(cls, spaces: Spaces, config: PQNConfig, num_envs: int, device: str, seed: int) -> Self:
        """Build the agent; weights, exploration and shuffling have independent random number generators.

        Raises:
            ValueError: A rollout has fewer transitions than minibatches.
        """
        if config.minibatches > config.rollout_steps * num_envs:
            raise ValueError(
                f"minibatches = {config.minibatches} exceeds the transitions of a rollout: "
                f"rollout_steps = {config.rollout_steps} times {num_envs} environments"
            )
        for_weights, for_exploration, for_shuffling = np.random.SeedSequence(seed).spawn(3)
        weights = torch.Generator().manual_seed(int(for_weights.generate_state(1)[0]))
        network = build_network(spaces, config, weights).to(device)
        optimizer = torch.optim.RAdam(network.parameters(), lr=config.learning_rate)
        return cls(
            network,
            optimizer,
            spaces,
            num_envs,
            config,
            np.random.default_rng(for_exploration),
            np.random.default_rng(for_shuffling),
            device,
        )

    @classmethod
    def shared(cls, config: PQNConfig, learners: int) -> PQNConfig:
        """The same for each learner: a rollout of fewer environments has smaller minibatches."""
        return config

    def join(self, group: LearnerGroup) -> None:
        """Train with other learners, each with rollouts of its own environments."""
        self._group = group
        group.broadcast(self.network.state_dict().values())

    @classmethod
    def default_steps(cls, spaces: Spaces) -> int:
        """More than with a replay buffer, since each transition is used in a few updates only."""
        return 1_000_000 if any(leaf.is_picture for leaf in spaces.observations.values()) else 200_000

    # -------------------------------------------------------------------------------------------------------- acting

    def act(self, observations: Observations, explore: bool) -> npt.NDArray[np.int64]:
        """Greedy actions; with `explore`, a share epsilon of them is replaced by random ones."""
        greedy = self._q(observations).argmax(dim=1).cpu().numpy()
        if not explore:
            return greedy
        random_actions = self._exploration_rng.integers(self._spaces.num_actions, size=len(greedy))
        return np.where(self._exploration_rng.random(len(greedy)) < self.epsilon, random_actions, greedy)

    @property
    def epsilon(self) -> float:
        """Share of random actions during exploration."""
        return self._epsilon(self.steps)

    def inspect(self, observations: Observations, want: Collection[str] = ("q",)) -> Inspection:
        """Action values of N observations, and the network's input."""
        q = self._q(observations).cpu().numpy() if "q" in want else None
        return Inspection(q=q, network_input=observations if "network_input" in want else None)

    # ------------------------------------------------------------------------------------------------------ learning

    def observe(self, transitions: Transitions) -> None:
        """Add one step of every environment to the rollout, its rewards clipped as configured."""
        rewards = transitions.rewards
        if self.config.reward_clip is not None:
            rewards = np.clip(rewards, -self.config.reward_clip, self.config.reward_clip)
        self._rollout.add(replace(transitions, rewards=rewards))
        self.steps += self._group.count * len(transitions.actions)

    def update(self, env_steps: int) -> dict[str, float]:
        """Once the rollout is full, learn from it in minibatches and start the next."""
        if not self._rollout.full:
            return {}
        targets = self._rollout.targets(self._values, self.config.gamma, self.config.lambda_).reshape(-1)
        observations = {name: leaf.reshape(-1, *leaf.shape[2:]) for name, leaf in self._rollout.observations.items()}
        actions = self._rollout.actions.reshape(-1)
        learning_rate = self._learning_rate(self.steps)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        for _ in range(self.config.epochs):
            for rows in np.array_split(self._shuffling_rng.permutation(len(targets)), self.config.minibatches):
                metrics = self._gradient_step(
                    to_tensors({name: leaf[rows] for name, leaf in observations.items()}, self.device),
                    to_tensor(actions[rows], self.device),
                    to_tensor(targets[rows], self.device),
                )
        self._rollout.clear()
        return {f"train/{name}": value for name, value in to_floats(metrics).items()} | {
            "train/learning_rate": learning_rate,
            "train/n_updates": self.updates,
            "rollout/exploration_rate": self.epsilon,
        }

    def _gradient_step(self, observations: dict[str, Tensor], actions: Tensor, targets: Tensor) -> dict[str, Tensor]:
        q = gather_actions(self.network(observations), actions)
        loss = 0.5 * F.mse_loss(q, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        mean_q = q.detach().mean()
        self._group.average_gradients(self.network.parameters(), loss.detach(), mean_q)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.updates += 1
        return {"loss": loss.detach(), "mean_q": mean_q, "grad_norm": norm}

    @torch.inference_mode()
    def _q(self, observations: Observations) -> Tensor:
        q: Tensor = self.network(to_tensors(observations, self.device))
        return q

    def _values(self, observations: Observations) -> npt.NDArray[np.float32]:
        """(B,) the value of the best action."""
        rows = len(next(iter(observations.values())))
        parts = [
            self._q({name: leaf[start : start + FORWARD_BATCH] for name, leaf in observations.items()}).amax(dim=1)
            for start in range(0, rows, FORWARD_BATCH)
        ]
        return torch.cat(parts).cpu().numpy() if parts else np.zeros(0, np.float32)

    # ----------------------------------------------------------------------------------------------- saving, summary

    def cut(self) -> None:
        """End the running episodes unfinished, since new ones have begun in their place."""
        self._rollout.cut()

    @property
    def threads(self) -> int | None:
        """One, unless convolutions of large images gain from several."""
        return 1 if all(is_small(leaf) for leaf in self._spaces.observations.values() if leaf.is_picture) else None

    def memory_estimate(self) -> int:
        """Bytes of the rollout, its minibatches, the network, the gradient and RAdam's two moments."""
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        return 2 * self._rollout.nbytes + 4 * 4 * parameters

    def describe(self) -> list[str]:
        """The network, the rollouts and the updates, one line each."""
        config = self.config
        batch = config.rollout_steps * self._num_envs // config.minibatches
        layers = " → ".join(
            f"{type(layer).__name__.lower()} {layer.weight.shape[0]}"
            for layer in self.network.modules()
            if isinstance(layer, nn.Conv2d | nn.Linear)
        )
        norm = "every layer normalized" if config.layer_norm else "not normalized"
        return [
            f"Q-network: {layers} ({count(self.network, self._spaces)}; {norm})",
            f"rollouts: {config.rollout_steps} steps of {self._num_envs} environments, no replay; Q(lambda) returns, "
            f"lambda {config.lambda_:g}",
            f"updates: after each rollout {config.epochs} × {config.minibatches} batches of {batch}",
        ]

    def weights(self) -> dict[str, Tensor]:
        """The weights of the network."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load the weights of the network."""
        self.network.load_state_dict(weights)

    def state(self) -> State:
        """The optimizer, the current rollout, counters and both generators."""
        optimizer = self.optimizer.state_dict()["state"]
        return {
            "optimizer": {str(index): values for index, values in optimizer.items()},
            "rollout": self._rollout.state(),
            "exploration_rng": self._exploration_rng.bit_generator.state,
            "shuffling_rng": self._shuffling_rng.bit_generator.state,
            "steps": self.steps,
            "updates": self.updates,
        }

    def load_state(self, state: State) -> None:
        """Continue from a `state`; `load_weights` restores the weights.

        Raises:
            ValueError: It is not of such an agent.
        """
        check_state(state, self.state() | {"optimizer": {}})
        check_counts(state, "steps", "updates")
        check_moments(state["optimizer"], self.optimizer)
        actions = state["rollout"]["actions"]
        if ((actions < 0) | (actions >= self._spaces.num_actions)).any():
            raise ValueError(f"the rollout's actions should be from 0 to {self._spaces.num_actions - 1}")
        moments = {int(index): values for index, values in state["optimizer"].items()}
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self._rollout.load_state(state["rollout"])
        self._exploration_rng.bit_generator.state = state["exploration_rng"]
        self._shuffling_rng.bit_generator.state = state["shuffling_rng"]
        self.steps = state["steps"]
        self.updates = state["updates"]
