"""`VecEnv`: N environments with named leaves as observations and numbered actions.

`rlkit.env.make.make_vec_env` makes it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import SyncVectorEnv, VectorEnv

from rlkit import capabilities
from rlkit.env.actions import Bins, DiscreteActions, discrete_actions, with_mirror_actions
from rlkit.env.config import EnvConfig, EnvOptions, absolute_id
from rlkit.env.frame_stack import default_frame_stack, push_frame, repeat_frame, stacked
from rlkit.env.observations import ObservationAdapter
from rlkit.env.pictures import PictureReader
from rlkit.env.seeding import global_generator_positions
from rlkit.env.subproc.vector_env import LOST, SubprocVectorEnv
from rlkit.env.wrappers import ListVectorEnv
from rlkit.errors import EnvironmentFailure, UserError, describe_error, environment_failures, place
from rlkit.spaces import Mirror, Observations, Spaces

if TYPE_CHECKING:
    from rlkit.boxes import BoxedImage
    from rlkit.perception.result import PerceptionResult

AnyVectorEnv = VectorEnv[Any, Any, Any]

WATCHED_STEPS = 50  # after which an environment that has not drawn from the global generators is trusted

_log = logging.getLogger(__name__)


def offers(vector: AnyVectorEnv, name: str) -> bool:
    """Whether the environments of a vector have a method or attribute of this name, for `vector.call`."""
    base = vector.unwrapped
    if isinstance(base, SubprocVectorEnv):
        return base.offers(name)
    if isinstance(base, SyncVectorEnv):
        return bool(base.envs[0].has_wrapper_attr(name))
    own = base.batches[0] if isinstance(base, ListVectorEnv) else vector
    return hasattr(own, "call") and hasattr(own.unwrapped, name)


@dataclass(frozen=True)
class Step:
    """Result of one action in each of N environments.

    Args:
        observations: Leaves (N, ...); at the end of an episode, its last observation.
        rewards: (N,) float32, not clipped.
        terminated: (N,) bool, the episode reached a terminal state.
        truncated: (N,) bool, the episode was cut by a limit.
        infos: As of a Gymnasium vector environment: key to one value per environment, `_key` to a mask.
    """

    observations: Observations
    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    infos: Mapping[str, Any]

    @property
    def ended(self) -> npt.NDArray[np.bool_]:
        """(N,) bool, the environments that need a reset before their next step."""
        return self.terminated | self.truncated

    @property
    def lost(self) -> npt.NDArray[np.bool_]:
        """(N,) bool, the episodes that were truncated because their worker process ended."""
        lost: npt.NDArray[np.bool_] = self.infos.get(f"_{LOST}", np.zeros(len(self.truncated), dtype=np.bool_))
        return lost


class VecEnv:
    """N environments stepped together, without automatic resets.

    Returned observations are never modified later, and must not be modified by the caller.

    Args:
        vector: In `AutoresetMode.DISABLED`.
        config: Of the environments.
        native: Whether it is the environment's own vector environment.
        why: How and why it was vectorized, for `describe`.
        options: Of which those of images, frame stack and actions are applied here; None for `config.frame_stack`.

    Attributes:
        busy_elsewhere: Whether a step runs in compiled code or other processes, without the interpreter lock.
        warn: Called with a sentence on what may need mending; logs it by default.

    Raises:
        UserError: Its observation or action space is not supported, or its metadata is malformed.
    """

    def __init__(
        self,
        vector: AnyVectorEnv,
        config: EnvConfig,
        native: bool,
        why: str,
        options: EnvOptions | None = None,
    ):
        options = options or EnvOptions(frame_stack=config.frame_stack)
        self.num_envs = vector.num_envs
        self.metadata: dict[str, Any] = dict(vector.metadata)
        self.native = native
        base = vector.unwrapped
        self.busy_elsewhere = native or isinstance(base, SubprocVectorEnv)
        self.metrics = capabilities.episode_metrics(self.metadata)
        self.warn: Callable[[str], None] = _log.warning
        self._vector = vector
        if isinstance(base, SubprocVectorEnv):
            base.on_loss = self._report_loss
        self._why = why
        self.single_observation_space = vector.single_observation_space
        # Declared by environments whose observations need no copy.
        fresh = native and self.metadata.get("fresh_observations") is True
        self.observer = ObservationAdapter(
            self.single_observation_space, self.metadata, config, options, self.num_envs, fresh
        )
        self.observer.on_clip = lambda index, what: self.warn(f"{self._where(index)}: {what}")
        self.actions = self._read_actions(options.action_bins)
        names = self.actions.names
        single = Spaces({leaf.name: leaf for leaf in self.observer.leaves}, names)
        self._frames = self._choose_frames(single, options.frame_stack)
        self._default_frames = options.frame_stack in (None, default_frame_stack(single))
        self.config = replace(
            config, id=absolute_id(config.id), frame_stack=self._frames, perception=self.observer.perception
        )
        components = capabilities.component_names(self.metadata)
        self.spaces = Spaces(
            {
                name: replace(stacked(leaf, self._frames), components=components.get(name, leaf.components))
                for name, leaf in single.observations.items()
            },
            names,
            self._read_mirror(options.mirror_actions, single),
            capabilities.reward_clip(self.metadata),
        )
        self._stacked = [name for name, leaf in self.spaces.observations.items() if leaf.stack > 1]
        self._vectors = [name for name, leaf in self.spaces.observations.items() if leaf.dtype == "float32"]
        self._unrewarded_limit = options.unrewarded_limit
        self._watched_steps = 0 if self.busy_elsewhere else WATCHED_STEPS
        self._warned_of_masks = False
        self._pictures = PictureReader()
        self._observations: Observations | None = None
        self._seeds = [0] * self.num_envs
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)

    def reset(self, seeds: Sequence[int], mask: npt.NDArray[np.bool_] | None = None) -> Observations:
        """Begin new episodes.

        Args:
            seeds: N seeds, of which those outside of the mask are ignored.
            mask: (N,) bool, the environments to reset; None for all, as at the first time.

        Returns:
            Leaves (N, ...), unchanged outside of the mask.

        Raises:
            UserError: An environment failed, or an observation is not finite.
        """
        if len(seeds) != self.num_envs:
            raise ValueError(f"{self.num_envs} environments need as many seeds, not {len(seeds)}")
        mask = np.ones(self.num_envs, dtype=np.bool_) if mask is None else np.array(mask, dtype=np.bool_)
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"the mask should have shape ({self.num_envs},) and select something")
        whole = bool(mask.all())
        if self._observations is None and not whole:
            raise ValueError("the first reset has to be of all environments")
        seeds = [int(seed) for seed in seeds]
        for index in np.flatnonzero(mask):
            self._seeds[index] = seeds[index]
        self._steps[mask] = 0
        with self._failures_told("reset"):
            # VectorEnv declares `int`; every vector environment takes one seed for each.
            observation, infos = self._vector.reset(
                seed=seeds,  # type: ignore[arg-type]
                options=None if whole else {"reset_mask": mask.copy()},
            )
        if "action_mask" in infos and not self._warned_of_masks:
            self._warned_of_masks = True
            self.warn(f"{self.config.id}: info['action_mask'] is ignored; agents choose from all actions")
        self.observer.begin(seeds, mask)
        with self._failures_told("reset"):
            leaves = self.observer.see(observation, mask)
        self._check_observations(leaves)
        for name in self._stacked:
            leaves[name] = repeat_frame(leaves[name], self._frames)
        if not whole:
            assert self._observations is not None
            leaves = {name: _merged(self._observations[name], leaf, mask) for name, leaf in leaves.items()}
        self._ended[mask] = False
        self._observations = leaves
        return dict(leaves)

    def step(self, actions: npt.NDArray[np.integer[Any]]) -> Step:
        """Take one action in each environment.

        Args:
            actions: (N,) integers from 0 to `spaces.num_actions` - 1.

        Raises:
            UserError: An environment failed, or a reward or observation is not finite.
        """
        actions = np.asarray(actions, dtype=np.int64)
        if actions.shape != (self.num_envs,):
            raise ValueError(f"{self.num_envs} environments need as many actions, not shape {actions.shape}")
        if self._observations is None or self._ended.any():
            raise ValueError("every environment has to be reset before its first step and after its last")
        self._steps += 1
        before = global_generator_positions() if self._watched_steps else None
        with self._failures_told("step"):
            observation, rewards, terminated, truncated, infos = self._vector.step(self.actions.decode(actions))
            leaves = self.observer.see(observation)
        if before is not None:
            self._warn_of_global_randomness(before)
        self._check_observations(leaves)
        for name in self._stacked:
            leaves[name] = push_frame(self._observations[name], leaves[name])
        self._observations = leaves
        step = Step(
            dict(leaves),
            self._checked_rewards(rewards),
            np.array(terminated, dtype=np.bool_),
            np.array(truncated, dtype=np.bool_),
            infos,
        )
        self._ended = step.ended
        return step

    def episode_metrics(self, step: Step, index: int) -> dict[str, Any]:
        """Read the metrics of `metadata["episode_metrics"]` from the infos of an episode's last step.

        Args:
            step: The last of the episode in environment `index`.
            index: Of the environment.

        Returns:
            Info key to a plain Python value; None if missing or NaN. `metrics` has names and kinds.
        """
        return {key: capabilities.info_value(step.infos, key, index) for key in self.metrics}

    def perceived(self, index: int) -> "PerceptionResult | None":
        """The latest output of perception in one environment; None without perception.

        Args:
            index: Of the environment.
        """
        perceiver = self.observer.perceiver
        return None if perceiver is None else perceiver.result(index)

    def boxed(self, index: int) -> "BoxedImage | None":
        """The latest camera image of one environment with the boxes in it, found or true, where there are any.

        Args:
            index: Of the environment.

        Raises:
            UserError: The boxes are not as they are declared.
        """
        return self.observer.boxed(index)

    def offers(self, name: str) -> bool:
        """Whether the environments have a method or attribute of this name, for `call`."""
        return offers(self._vector, name)

    def call(self, name: str, *args: Any) -> tuple[Any, ...]:
        """Call a method of each environment, or read an attribute.

        Returns:
            One result per environment.

        Raises:
            AttributeError: They have no such method.
        """
        return tuple(self._vector.call(name, *args))  # type: ignore[attr-defined]

    def render(self) -> list[npt.NDArray[np.uint8]]:
        """Render each environment.

        Returns:
            One image (H, W, 3) per environment in the render mode `rgb_array`; empty in the mode `human`.

        Raises:
            UserError: Rendering failed.
        """
        if self._vector.render_mode is None:
            raise ValueError("rendering needs environments made with a render_mode")
        with self._failures_told("render"):
            drawn = self._vector.render() or ()
            return [self._pictures.read(one, index) for index, one in enumerate(drawn) if one is not None]

    def render_between(self, share: float) -> list[npt.NDArray[np.uint8]]:
        """Render each environment at a fraction of the time between the last two decisions, where it offers that.

        Raises:
            UserError: Rendering failed.
        """
        with self._failures_told("render_between"):
            drawn = self.call("render_between", share)
            return [self._pictures.read(one, index) for index, one in enumerate(drawn)]

    def close(self) -> None:
        """Close the environments; idempotent. An exception of their own code is a warning."""
        try:
            self._vector.close()
        except Exception as error:
            self._vector.closed = True
            self.warn(f"{self.config.id} failed in close: {describe_error(error)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def describe(self) -> list[str]:
        """Describe environment, observations and actions, with the reasons for what was chosen; one line each."""
        arguments = "".join(f", {key}={value}" for key, value in self.config.kwargs.items())
        lines = [f"environment: {self.config.id}{arguments}; {self.num_envs} at once: {self._why}"]
        notes = self.observer.notes
        for name, leaf in self.spaces.observations.items():
            if leaf.stack > 1:
                asked = "frame_stack" in self.config.kwargs or not self._default_frames
                reason = "as asked" if asked else "a single image shows no motion"
                lines.append(f"{name}: {notes[name]}, {leaf.stack} frames stacked ({reason})")
            else:
                lines.append(f"{name}: {notes[name]}")
        lines += [f"{name}: left out, because it is text" for name in self.observer.left_out]
        note = f"; {self.actions.note}" if self.actions.note else ""
        lines.append(f"actions: {self.spaces.num_actions} ({', '.join(self.spaces.action_names)}){note}")
        if limit := self._unrewarded_limit:
            lines.append(f"episodes: over after {limit} steps in a row without a reward above 0")
        return lines

    def _read_actions(self, bins: Bins | None) -> DiscreteActions:
        space = self._vector.single_action_space
        axes, advised = capabilities.action_axes(self.metadata), capabilities.action_bins(self.metadata)
        actions = discrete_actions(space, bins, axes, advised)
        if not isinstance(space, gymnasium.spaces.Discrete):
            return actions
        offered = self.metadata.get("action_names")
        # ALE environments have a method instead.
        for name in ("action_names", "get_action_meanings"):
            if offered is None and self.offers(name):
                offered = self.call(name)[0]
        return replace(actions, names=capabilities.action_names(offered, len(actions), int(space.start)))

    def _read_mirror(self, mirrored: Sequence[int] | None, single: Spaces) -> Mirror | None:
        """The left-right symmetry of observations and actions.

        The output of perception is flipped like an image, which approximates the output for the flipped image.
        """
        if mirrored is None and self.actions.note:
            return None  # the environment's symmetry is of its own actions, not of this list
        vectors = {name: leaf.shape[0] for name, leaf in single.observations.items() if not leaf.is_picture}
        metadata, names = self.metadata, self.actions.names
        if mirrored is not None:
            metadata = with_mirror_actions(metadata, mirrored, vectors, names)
        return capabilities.mirror(metadata, vectors, len(names))

    def _choose_frames(self, single: Spaces, asked: int | None) -> int:
        if asked is None:
            return default_frame_stack(single)
        if asked > 1 and not any(leaf.is_picture for leaf in single.observations.values()):
            raise UserError(f"frame_stack={asked}: only images are stacked, and the observations have none.")
        return asked

    def _check_observations(self, leaves: Observations) -> None:
        for name in self._vectors:
            if not np.isfinite(leaves[name]).all():
                index, component = np.argwhere(~np.isfinite(leaves[name]))[0]
                value = leaves[name][index, component]
                raise EnvironmentFailure(
                    f"{self._where(index)}: the observation {name!r} is {value}, not a finite number."
                )

    def _checked_rewards(self, rewards: Any) -> npt.NDArray[np.float32]:
        with np.errstate(over="ignore"):
            checked = np.array(rewards, dtype=np.float32)
        if not np.isfinite(checked).all():
            index = int(np.argmin(np.isfinite(checked)))
            raise EnvironmentFailure(f"{self._where(index)}: the reward is {checked[index]}, not a finite number.")
        return checked

    def _warn_of_global_randomness(self, before: tuple[Any, ...]) -> None:
        self._watched_steps -= 1
        if global_generator_positions() != before:
            self._watched_steps = 0
            self.warn(
                f"{self.config.id} draws from the global generators random or numpy.random: the seed of an episode "
                "does not determine it, and a resumed run differs. Draw from self.np_random instead."
            )

    def _where(self, index: int) -> str:
        return place(self.config.id, index, self._seeds, self._steps)

    def _failures_told(self, doing: str) -> AbstractContextManager[None]:
        return environment_failures(self.config.id, doing, self._seeds, self._steps)

    def _report_loss(self, index: int, doing: str, what: str) -> None:
        self.warn(f"{self._where(index)}: {doing} {what}; a new process replaces it, with new episodes")


def _merged(kept: npt.NDArray[Any], renewed: npt.NDArray[Any], mask: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Replace the rows of `kept` in the mask by those of `renewed`, in a new array."""
    merged = kept.copy()
    merged[mask] = renewed[mask]
    return merged
