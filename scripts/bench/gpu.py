"""Speed on one GPU, in at most eight minutes: training, gradient steps, segmentation, driving by a segmented camera.

    python scripts/bench/gpu.py --json scripts/bench/results/gpu.json
    python scripts/bench/gpu.py --device cpu --seconds 2 --small     # a test of this script, not of any speed

* Presets: `rlkit train rlkit/Bricks-v0` at 84×84 pixels with each preset: environment steps and updates per second.
* Gradient steps on batches of 84×84×4 pictures, copied to the device for each: by the agent, replay buffer included; in
  plain PyTorch, compiled, and as a CUDA graph, in LeanRL's manner; by Stable-Baselines3, where it is installed.
* What one update of the preset `gpu` spends its time on, by torch's profiler.
* Segmentation: the full SegNet on random pictures of CamVid's size, in pictures per second.
* Closed loop: environments with a camera, its segmentation, and an agent that acts.

No part begins after `--minutes`, so that all end within two more; one that fails is noted with its error. `--json` is
written after each part. Memory is the most that torch had allocated; utilisation is the mean of what nvidia-smi says,
where it is installed.
"""

import argparse
import copy
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from common.reporting import machine, quiet
from common.synthetic_pictures import write_pictures
from torch import Tensor, nn

SHAPE = (84, 84, 4)
ACTIONS = 6
BATCHES = (32, 256)  # of Mnih et al. 2015, and of Clark et al. 2024
PRESETS = ("gpu", "btr", "fast", "dqn-nature", "rainbow")
POLL = 0.5  # s between questions to nvidia-smi
Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What is measured, and how long.

    Args:
        device: "cuda" or "cpu".
        seconds: Of each part.
        small: Little networks and pictures, for a test of the script.
    """

    device: str
    seconds: float
    small: bool


class Utilisation:
    """Mean utilisation of the GPU within a block, in percent, and the most memory that torch allocated, in MiB."""

    def __init__(self, device: str):
        self._device = device
        self._asked = device == "cuda" and shutil.which("nvidia-smi") is not None
        self._found: list[float] = []
        self._done = threading.Event()

    def __enter__(self) -> "Utilisation":
        if self._device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _ask(self) -> None:
        question = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]
        while self._asked and not self._done.wait(POLL):
            answer = subprocess.run(question, capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                self._found.append(float(answer.stdout.split()[0]))

    def figures(self) -> Row:
        """What was found."""
        memory = round(torch.cuda.max_memory_allocated() / 2**20) if self._device == "cuda" else None
        return {"utilisation": round(mean(self._found), 1) if self._found else None, "memory_mib": memory}


def wait_for(device: str) -> None:
    """Wait until the device has done everything."""
    if device == "cuda":
        torch.cuda.synchronize()


def per_second(step: Callable[[], object], options: Options, seconds: float) -> float:
    """How often a step can be done in a second, after some to warm up."""
    for _ in range(3 if options.small else 10):
        step()
    wait_for(options.device)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        done += 1
        if done % 20 == 0:
            wait_for(options.device)
    wait_for(options.device)
    return done / (time.perf_counter() - began)


# --------------------------------------------------------------------------------------------------------- presets


def presets(options: Options) -> list[Row]:
    """Train with each preset for a while."""
    from rlkit.training.logger import read_metrics
    from rlkit.training.run import train

    rows = []
    budget = 2_000 if options.small else 100_000
    for preset in PRESETS:
        settings = {"learning_starts": "200" if options.small else "1000", "exploration_initial_epsilon": "0.01"}
        small = {"encoder": "nature-small", "batch_size": "8"} if options.small else {}
        with tempfile.TemporaryDirectory() as folder, Utilisation(options.device) as used:
            train(
                "rlkit/Bricks-v0",
                preset=preset,
                settings=settings | small,
                steps=budget,
                device=options.device,
                eval_freq=0,
                save_freq=0,
                time_limit=options.seconds * (2 if options.small else 1),
                run_dir=Path(folder) / "run",
                reporter=quiet,
            )
            logged = [row for row in read_metrics(Path(folder) / "run") if row.get("train/n_updates")]
        row: Row = {"preset": preset, **used.figures()}
        if len(logged) > 1:  # else too slow for two records
            first, last = logged[len(logged) // 4], logged[-1]
            passed = last["seconds"] - first["seconds"]
            row |= {
                "steps_per_second": round((last["steps"] - first["steps"]) / passed, 1),
                "updates_per_second": round((last["train/n_updates"] - first["train/n_updates"]) / passed, 2),
            }
        rows.append(row)
    return rows


# -------------------------------------------------------------------------------------------------- gradient steps


def nature() -> nn.Sequential:
    """The network of Mnih et al. 2015."""
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, ACTIONS),
    )  # fmt: skip


class PlainUpdate:
    """One-step Q-learning on a batch, as it is written down in plain PyTorch.

    Args:
        device: "cpu" or "cuda".
        batch_size: Transitions.
        compiled: Whether the forward passes are compiled.
        graph: Whether the whole update is replayed as a CUDA graph.
    """

    def __init__(self, device: str, batch_size: int, compiled: bool, graph: bool):
        torch.manual_seed(0)
        pinned = device == "cuda"
        self.online = nature().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.target = copy.deepcopy(self.online)
        options = {"capturable": True} if graph else {}
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=1e-4, fused=True, **options)
        pictures = [torch.randint(0, 255, (batch_size, *SHAPE), dtype=torch.uint8) for _ in range(2)]
        host = [*pictures, torch.randint(0, ACTIONS, (batch_size, 1)), torch.randn(batch_size)]
        self.host = [tensor.pin_memory() if pinned else tensor for tensor in host]
        self.inputs = [tensor.to(device) for tensor in self.host]
        self.online_forward, self.target_forward = self._forward(self.online), self._forward(self.target)
        if compiled:
            self.online_forward, self.target_forward = map(torch.compile, (self.online_forward, self.target_forward))
        self.update: Callable[[], None] = self._captured() if graph else self._update

    def __call__(self) -> None:
        """Copy a batch to the device and take a gradient step."""
        for tensor, source in zip(self.inputs, self.host, strict=True):
            tensor.copy_(source, non_blocking=True)
        self.update()

    @staticmethod
    def _forward(network: nn.Module) -> Callable[[Tensor], Tensor]:
        def forward(pictures: Tensor) -> Tensor:
            values: Tensor = network(pictures.permute(0, 3, 1, 2).float() * (1 / 255))
            return values

        return forward

    def _update(self) -> None:
        states, next_states, actions, rewards = self.inputs
        with torch.no_grad():
            targets = rewards + 0.99 * self.target_forward(next_states).amax(dim=1)
        loss = F.smooth_l1_loss(self.online_forward(states).gather(1, actions).squeeze(1), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.online.parameters(), 10.0)
        self.optimizer.step()

    def _captured(self) -> Callable[[], None]:
        """The update as a CUDA graph, after some on another stream, as torch's documentation asks."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self._update()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._update()
        return graph.replay


def agent_update(device: str, preset: str, settings: dict[str, str]) -> Callable[[], None]:
    """One update of the agent, from drawing a batch out of the replay buffer to the new weights."""
    from rlkit_agents.dqn import DQN

    from rlkit.hyperparameters import with_settings
    from rlkit.replay import Transitions
    from rlkit.spaces import Leaf, Spaces

    spaces = Spaces({"observation": Leaf("observation", SHAPE, "uint8", stack=4)}, tuple("abcdef"))
    config = with_settings(
        DQN.presets[preset](spaces, 100_000), {"buffer_size": "4000", "learning_starts": "2000"} | settings
    )
    agent = DQN.build(spaces, config, 8, device, seed=0)
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 255, (8, *SHAPE), dtype=np.uint8)
    none = np.zeros(8, dtype=np.bool_)
    while agent.steps < 2_000:
        rewards = generator.normal(size=8).astype(np.float32)
        actions = generator.integers(0, ACTIONS, 8)
        agent.observe(Transitions({"observation": pictures}, actions, rewards, none, none, {"observation": pictures}))
    steps = config.learning_starts

    def step() -> None:
        nonlocal steps
        steps += config.update_interval
        agent.update(steps)

    return step


def stable_baselines_update(device: str, batch_size: int) -> Callable[[], None]:
    """One gradient step of Stable-Baselines3's DQN, its replay buffer included."""
    import gymnasium
    from stable_baselines3 import DQN

    class Pictures(gymnasium.Env[np.ndarray, int]):  # type: ignore[type-arg]
        observation_space = gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8)
        action_space = gymnasium.spaces.Discrete(ACTIONS)

        def reset(self, *, seed: int | None = None, options: Row | None = None) -> Any:
            super().reset(seed=seed)
            return self.observation_space.sample(), {}

        def step(self, action: int) -> Any:
            return self.observation_space.sample(), 0.0, False, False, {}

    model = DQN("CnnPolicy", Pictures(), buffer_size=2_000, learning_starts=1_000, batch_size=batch_size, device=device)
    model.learn(1_000)
    return lambda: model.train(1, batch_size)


def gradient_steps(options: Options) -> list[Row]:
    """Gradient steps per second of each way to compute them."""
    device = options.device
    ways: dict[str, Callable[[int], Callable[[], None]]] = {
        "plain PyTorch": lambda batch: PlainUpdate(device, batch, compiled=False, graph=False),
        "+ torch.compile": lambda batch: PlainUpdate(device, batch, compiled=True, graph=False),
    }
    if device == "cuda":
        ways["+ CUDA graph"] = lambda batch: PlainUpdate(device, batch, compiled=True, graph=True)
    ways["Stable-Baselines3"] = lambda batch: stable_baselines_update(device, batch)
    nature_settings = {"optimizer": "adam", "adam_epsilon": "1e-8"}
    for precision in ("float32", "bfloat16"):
        ways[f"the agent, dqn-nature, {precision}"] = lambda batch, precision=precision: agent_update(
            device, "dqn-nature", nature_settings | {"batch_size": str(batch), "precision": precision}
        )
    for preset in ("gpu", "btr"):
        ways[f"the agent, {preset}"] = lambda batch, preset=preset: agent_update(
            device, preset, {"batch_size": str(batch)}
        )
    rows = []
    batches = (8,) if options.small else BATCHES
    for name, make in ways.items():
        for batch in batches:
            row: Row = {"way": name, "batch_size": batch}
            try:
                with Utilisation(device) as used:
                    rate = per_second(make(batch), options, options.seconds / 4)
                row |= {"per_second": round(rate, 2), **used.figures()}
            except Exception as error:  # not installed, or no compiler
                row["left_out"] = f"{type(error).__name__}: {error}"[:200]
            rows.append(row)
    return rows


def profile(options: Options) -> list[Row]:
    """The operations that updates of the preset `gpu` spend most time on, on the device."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    step = agent_update(options.device, "gpu", {"batch_size": "8"} if options.small else {})
    for _ in range(3):
        step()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if options.device == "cuda" else [])]
    updates = 2 if options.small else 10
    with profiled(activities=activities) as found:
        for _ in range(updates):
            step()
        wait_for(options.device)
    time_of = "self_device_time_total" if options.device == "cuda" else "self_cpu_time_total"
    longest = sorted(found.key_averages(), key=lambda event: -getattr(event, time_of))[:15]
    return [
        {
            "operation": event.key,
            "calls_per_update": round(event.count / updates, 1),
            "microseconds_per_update": round(getattr(event, time_of) / updates, 1),
        }
        for event in longest
    ]


# ------------------------------------------------------------------------------------- segmentation and closed loop


def segmentation(options: Options) -> list[Row]:
    """Train the full SegNet at CamVid's sizes."""
    from rlkit.segmentation import train
    from rlkit.training.logger import read_metrics

    rows = []
    network, sizes = ("segnet-basic", [(48, 64)]) if options.small else ("segnet", [(360, 480), (720, 960)])
    for size in sizes:
        batch = 2 if options.small else 8
        with tempfile.TemporaryDirectory() as folder, Utilisation(options.device) as used:
            train(
                write_pictures(Path(folder) / "data", 16, size),
                network=network,
                steps=8 if options.small else 2_000,
                settings={"batch_size": str(batch), "bn_samples": "0"},
                val_freq=10**9,
                save_freq=0,
                time_limit=options.seconds,
                device=options.device,
                run_dir=Path(folder) / "run",
                reporter=quiet,
            )
            logged = [row for row in read_metrics(Path(folder) / "run") if "time/pictures_per_second" in row]
        row: Row = {"network": network, "size": size, "batch_size": batch, **used.figures()}
        if len(logged) > 1:
            first, last = logged[len(logged) // 4], logged[-1]
            speed = batch * (last["steps"] - first["steps"]) / (last["seconds"] - first["seconds"])
            row |= {"pictures_per_second": round(speed, 2), "waiting_share": round(last["time/waiting_share"], 3)}
        rows.append(row)
    return rows


def closed_loop(options: Options) -> list[Row]:
    """Step environments whose camera images are segmented, with actions of an agent."""
    from rlkit.env.config import EnvConfig
    from rlkit.env.make import make_vec_env
    from rlkit.env.seeding import episode_seed
    from rlkit.training.collector import Collector
    from rlkit.training.config import plan
    from rlkit.training.run import build_agent

    rows = []
    for count in (2,) if options.small else (1, 32, 128):
        environment = EnvConfig("rlkit/DrivingCamera-v0").seen_by(
            "pretrained:segnet-compact", {"device": options.device}
        )
        config = plan(environment, steps=100_000, num_envs=count, device=options.device)
        with make_vec_env(config.environment, count) as environments, Utilisation(options.device) as used:
            agent = build_agent(config, environments.spaces)
            episodes = Collector(environments, episode_seed(0, 0, 0))

            def step(agent: Any = agent, episodes: Collector = episodes) -> None:
                episodes.advance(agent.act(episodes.observations, explore=False))

            rate = per_second(step, options, options.seconds / 2)
        rows.append({"num_envs": count, "steps_per_second": round(count * rate, 1), **used.figures()})
    return rows


PARTS: dict[str, Callable[[Options], list[Row]]] = {
    "gradient_steps": gradient_steps,
    "presets": presets,
    "segmentation": segmentation,
    "closed_loop": closed_loop,
    "profile": profile,
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=6.0, help="after which no other part begins")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--small", action="store_true", help="little networks and pictures: a test of this script")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU; --device cpu --seconds 2 --small tests this script without one")
    options = Options(given.device, given.seconds, given.small)
    name = torch.cuda.get_device_name() if given.device == "cuda" else "cpu"
    report: Row = {"machine": machine() | {"device": name}, "seconds": given.seconds, "small": given.small}
    began = time.monotonic()
    for part in given.parts:
        passed = time.monotonic() - began
        if passed > 60 * given.minutes:
            report[part] = {"left_out": f"{passed / 60:.1f} minutes had passed"}
            continue
        try:
            report[part] = PARTS[part](options)
        except Exception as error:  # the other parts are worth having
            report[part] = {"left_out": f"{type(error).__name__}: {error}"[:400]}
        report["minutes"] = round((time.monotonic() - began) / 60, 2)
        rows = report[part] if isinstance(report[part], list) else [report[part]]
        print(f"{part}:", *(f"  {json.dumps(row)}" for row in rows), sep="\n", flush=True)
        if given.json is not None:
            given.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
