"""Speed of DQN on Atari images: variants of one gradient step, then steps per second on ALE Pong.

    pip install -c constraints.txt -e '.[atari,bench]'
    python scripts/bench/learner.py --json scripts/bench/results/learner.json

First part: a gradient step on 32 transitions of 84×84×4 in plain PyTorch, with one optimisation after the other, and by
the agent, including the replay buffer. Second part: ours and Stable-Baselines3 in turn, with hyperparameters of Mnih
et al. 2015 as in Stable-Baselines3 (batches of 32, one every 4 steps, one-step targets copied every 1,000 steps), in
Pong with frame skip 4 and no sticky actions. Steps per second are measured after the warm-up, and include emulator,
replay, acting and learning.
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BATCH = 32
SHAPE = (84, 84, 4)
ACTIONS = 6
STARTS = 1_000  # steps before the first update
COUNTED = 2_000  # steps before the clock starts: by then everything is compiled and in memory
SETTINGS = {
    "encoder": "nature",
    "hidden": "512",
    "dueling": "false",
    "double": "false",
    "layer_norm": "false",
    "distribution": "none",
    "n_step": "1",
    "n_step_final": "null",
    "loss": "huber",
    "batch_size": str(BATCH),
    "update_interval": "4",
    "target_update_interval": "1000",
    "learning_rate": "1e-4",
    "learning_rate_final": "1e-4",
    "adam_epsilon": "1e-8",
    "learning_starts": str(STARTS),
    "buffer_size": "10000",
    "ema_decay": "0",
    "random_shift": "0",
    "exploration_final_epsilon": "0.01",
}


# ------------------------------------------------------------------------------------------- one gradient step


def nature() -> nn.Sequential:
    """The network of Mnih et al. 2015 as one writes it down."""
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, 4),
        nn.ReLU(),
        nn.Conv2d(32, 64, 4, 2),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3136, 512),
        nn.ReLU(),
        nn.Linear(512, ACTIONS),
    )


def plain_step(channels_last: bool, fused: bool, bfloat16: bool, compiled: bool = False) -> Callable[[], None]:
    """A gradient step without this toolkit, with what may speed it up switched on one by one."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    online = nature().to(memory_format=layout)  # type: ignore[call-overload]
    target = copy.deepcopy(online)
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-4, fused=fused)
    if compiled:  # needs a C++ compiler
        online.compile()
        target.compile()
    pictures = [torch.randint(0, 255, (BATCH, *SHAPE), dtype=torch.uint8).permute(0, 3, 1, 2) for _ in range(2)]
    states, next_states = (picture.contiguous(memory_format=layout) for picture in pictures)
    actions = torch.randint(0, ACTIONS, (BATCH, 1))
    rewards = torch.randn(BATCH)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            with torch.no_grad():
                targets = rewards + 0.99 * target(next_states.float().mul_(1 / 255)).amax(dim=1)
            values = online(states.float().mul_(1 / 255)).gather(1, actions).squeeze(1)
        loss = F.smooth_l1_loss(values.float(), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(online.parameters(), 10.0)
        optimizer.step()

    return step


def agent_step(settings: dict[str, str]) -> Callable[[], None]:
    """One update of the agent itself, from drawing a batch out of a full buffer to the new weights."""
    from rlkit_agents.dqn import DQN, DQNConfig

    from rlkit.hyperparameters import with_settings
    from rlkit.replay import Transitions
    from rlkit.spaces import Leaf, Spaces

    spaces = Spaces({"observation": Leaf("observation", SHAPE, "uint8", stack=4)}, tuple("abcdef"))
    config = with_settings(DQNConfig(), SETTINGS | {"learning_starts": "10000"} | settings)
    agent = DQN.build(spaces, config, 8, "cpu", seed=0)
    generator = np.random.default_rng(0)
    observations = generator.integers(0, 255, (8, *SHAPE), dtype=np.uint8)
    steps = 0
    none = np.zeros(8, dtype=np.bool_)

    def observe() -> None:
        nonlocal steps
        steps += 8
        rewards = generator.normal(size=8).astype(np.float32)
        actions = generator.integers(0, ACTIONS, 8)
        agent.observe(
            Transitions({"observation": observations}, actions, rewards, none, none, {"observation": observations})
        )

    while steps < 10_000:
        observe()

    def step() -> None:
        nonlocal steps
        steps += config.update_interval
        agent.update(steps)

    return step


def timed(step: Callable[[], None], rounds: int) -> float:
    """Median milliseconds of a step."""
    for _ in range(5):
        step()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - began))
    return median(times)


def gradient_steps(rounds: int, threads: int) -> list[dict[str, Any]]:
    """Time every variant."""
    torch.set_num_threads(threads)
    variants: dict[str, Callable[[], Callable[[], None]]] = {
        "plain PyTorch": lambda: plain_step(False, False, False),
        "+ channels-last": lambda: plain_step(True, False, False),
        "+ fused Adam": lambda: plain_step(True, True, False),
        "+ bfloat16": lambda: plain_step(True, True, True),
        "+ torch.compile": lambda: plain_step(True, True, True, compiled=True),
        "the agent, float32": lambda: agent_step({"precision": "float32"}),
        "the agent, bfloat16": lambda: agent_step({"precision": "bfloat16"}),
    }
    rows = []
    for name, make in variants.items():
        rows.append({"variant": name, "threads": threads, "milliseconds": round(timed(make(), rounds), 2)})
        print(f"{name:22} {threads} threads {rows[-1]['milliseconds']:8.2f} ms", flush=True)
    return rows


# ------------------------------------------------------------------------------------------------- race on Pong


def ours(steps: int, num_envs: int, settings: dict[str, str], async_envs: bool = False) -> dict[str, float]:
    """Train with this toolkit; what it writes down says when it had taken how many steps."""
    from rlkit.training.logger import read_metrics
    from rlkit.training.progress import PlainReporter
    from rlkit.training.run import train

    with tempfile.TemporaryDirectory() as folder:
        train(
            "ALE/Pong-v5",
            env_kwargs={"protocol": "dqn"},
            run_dir=Path(folder) / "run",
            settings=SETTINGS | {"exploration_steps": str(steps // 10)} | settings,
            steps=steps,
            num_envs=num_envs,
            async_envs=async_envs,
            eval_freq=0,
            save_freq=0,
            reporter=lambda total: PlainReporter(total, quiet=True),
        )
        rows = [row for row in read_metrics(Path(folder) / "run") if row["steps"] >= COUNTED]
    return {"steps": rows[-1]["steps"] - rows[0]["steps"], "seconds": rows[-1]["seconds"] - rows[0]["seconds"]}


def peer(
    num_envs: int, seed: int = 0, *, buffer_size: int = 10_000, learning_starts: int = STARTS, exploration: float = 0.1
) -> Any:
    """Stable-Baselines3's DQN in its own wrappers and vector environment, with the hyperparameters of `SETTINGS`.

    Args:
        num_envs: Environments stepped together: 1, or a multiple of 4.
        seed: Of everything.
        buffer_size: Transitions that are remembered.
        learning_starts: Steps before the first update.
        exploration: Share of all steps after which 1 of 100 actions is random.
    """
    from stable_baselines3 import DQN

    return DQN(
        "CnnPolicy",
        peer_games(num_envs, seed),
        learning_rate=1e-4,
        buffer_size=buffer_size,
        learning_starts=learning_starts,
        batch_size=BATCH,
        train_freq=4 if num_envs == 1 else 1,
        gradient_steps=1 if num_envs == 1 else num_envs // 4,
        target_update_interval=1_000,
        exploration_fraction=exploration,
        exploration_final_eps=0.01,
        device="cpu",
        seed=seed,
    )


def peer_games(num_envs: int, seed: int) -> Any:
    """Pong in Stable-Baselines3's wrappers: frame skip 4, no sticky actions; its monitor records raw rewards."""
    import ale_py
    import gymnasium
    from stable_baselines3.common.env_util import make_atari_env
    from stable_baselines3.common.vec_env import VecFrameStack

    gymnasium.register_envs(ale_py)
    raw = {"frameskip": 1, "repeat_action_probability": 0.0, "full_action_space": False}
    return VecFrameStack(make_atari_env("ALE/Pong-v5", n_envs=num_envs, seed=seed, env_kwargs=raw), n_stack=4)


def stable_baselines(steps: int, num_envs: int) -> dict[str, float]:
    """Train with Stable-Baselines3."""
    from stable_baselines3.common.callbacks import BaseCallback

    model = peer(num_envs)

    class Clock(BaseCallback):
        marks: list[tuple[int, float]] = []  # noqa: RUF012 - one run per process

        def _on_step(self) -> bool:
            if self.num_timesteps >= COUNTED:
                self.marks.append((self.num_timesteps, time.perf_counter()))
            return True

    clock = Clock()
    model.learn(steps, callback=clock)
    (first, began), (last, ended) = clock.marks[0], clock.marks[-1]
    return {"steps": last - first, "seconds": ended - began}


CONTENDERS: dict[str, Callable[[int], dict[str, float]]] = {
    "rlkit, 8 environments, bfloat16": lambda steps: ours(steps, 8, {"precision": "bfloat16"}),
    "rlkit, 8 environments, bfloat16, async_envs": lambda steps: ours(
        steps, 8, {"precision": "bfloat16"}, async_envs=True
    ),
    "rlkit, 8 environments, float32": lambda steps: ours(steps, 8, {"precision": "float32"}),
    "rlkit, 1 environment, bfloat16": lambda steps: ours(steps, 1, {"precision": "bfloat16"}),
    "Stable-Baselines3, 1 environment": lambda steps: stable_baselines(steps, 1),
    "Stable-Baselines3, 8 environments": lambda steps: stable_baselines(steps, 8),
}


def race(steps: int, rounds: int) -> list[dict[str, Any]]:
    """Run the contenders in turn, each in a process of its own, so that none inherits another's threads or memory."""
    speeds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            command = [sys.executable, __file__, "--contender", name, "--steps", str(steps)]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                raise SystemExit(f"{name} failed:\n{answer.stderr[-2000:]}")
            result = json.loads(answer.stdout.splitlines()[-1])
            speeds[name].append(result["steps"] / result["seconds"])
            print(f"{name:40} {speeds[name][-1]:8.1f} steps/s", flush=True)
    peer = max(median(speeds[name]) for name in CONTENDERS if name.startswith("Stable"))
    return [
        {
            "contender": name,
            "steps_per_second": round(median(values), 1),
            "ratio_to_peer": round(median(values) / peer, 2),
        }
        for name, values in speeds.items()
    ]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of the race")
    parser.add_argument("--steps", type=int, default=8_000, help="that each contender takes")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--contender", choices=tuple(CONTENDERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender is not None:
        print(json.dumps(CONTENDERS[options.contender](options.steps)))
        return
    steps = [row for threads in (1, 2) for row in gradient_steps(100, threads)]
    rows = race(options.steps, options.rounds)
    for row in rows:
        print(f"{row['contender']:40} {row['steps_per_second']:8.1f} steps/s  × {row['ratio_to_peer']:.2f}")
    if options.json is not None:
        from common.reporting import machine

        report = {"machine": machine(), "gradient_step": steps, "race": rows}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
