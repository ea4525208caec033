"""One circuit, three laps, coloured by speed: of a trained policy, of the scripted driver, and the reference lap.

    python scripts/images/racing_lines.py pretrained:NAME circuit.csv scripts/images/racing_lines.png

Laps start at rest, and their times stand beside the names. The reference is the racing line at the limit of the tyres,
without the errors of steering.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from rlkit_envs.driving.expert.driver import ExpertDriver
from rlkit_envs.driving.road.circuit import Circuit
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.vehicle.parameters import VEHICLES

from rlkit.env.make import make_vec_env
from rlkit.env.seeding import episode_seed
from rlkit.policy import PolicySpec, find_policy

Lap = tuple[str, npt.NDArray[np.float64], npt.NDArray[np.float64]]  # title, (n, 2) line in m, (n,) speeds in m/s


def drive(spec: PolicySpec, name: str) -> Lap:
    """One greedy lap from a standing start."""
    places, speeds = [], []
    with make_vec_env(spec.environment, 1) as environments:
        agent = spec.agent(environments.spaces, 1)
        agent.bind(environments)
        observations = environments.reset([episode_seed(0, 0, 0, "evaluation")])
        while True:
            step = environments.step(agent.act(observations, explore=False))
            observations = step.observations
            places.append(np.array(step.infos["pose"][0][:2]))
            speeds.append(float(step.infos["speed"][0]))
            if step.terminated[0] or step.truncated[0]:
                break
        metrics = environments.episode_metrics(step, 0)
    end = f"{metrics['lap_time']:.1f} s" if metrics["finished"] else f"{metrics['end']}"
    return f"{name}: {end}", np.array(places), np.array(speeds)


def reference(circuit: Circuit, vehicle: str) -> Lap:
    """The reference lap, with the time of a standing start."""
    plan = ExpertDriver(circuit, VEHICLES[vehicle]).reference
    return f"Reference: {plan.lap_time():.1f} s", plan.line, plan.speed


def draw(axes: Axes, circuit: Circuit, lap: Lap, fastest: float) -> LineCollection:
    """Draw the road and a line on it, coloured by speed in km/h."""
    title, line, speed = lap
    left, right = (np.concatenate([border, border[:1]]) for border in circuit.borders())
    axes.fill(*left.T, color="#d9dce1", linewidth=0)
    axes.fill(*right.T, color="#d9dce1", linewidth=0)
    inner = min((left, right), key=lambda border: float(np.ptp(border[:, 0]) * np.ptp(border[:, 1])))
    axes.fill(*inner.T, color="white", linewidth=0)
    axes.plot(*left.T, *right.T, color="#9aa0a8", linewidth=0.5)
    segments = np.stack([line[:-1], line[1:]], axis=1)
    drawn = LineCollection(list(segments), cmap="turbo", linewidth=1.8, capstyle="round")
    drawn.set_array(3.6 * speed[:-1])
    drawn.set_clim(0.0, 3.6 * fastest)
    axes.add_collection(drawn)
    axes.set_title(title, fontsize=10)
    axes.set_aspect("equal")
    axes.axis("off")
    return drawn


def main() -> None:
    """Drive, draw, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", help="run folder of a trained driver, or pretrained:NAME")
    parser.add_argument("circuit", type=Path, help="CSV file with the columns x_m, y_m, w_tr_right_m, w_tr_left_m")
    parser.add_argument("picture", type=Path, help="file to write, .png or .svg")
    options = parser.parse_args()
    matplotlib.use("agg")
    policy = find_policy(options.policy, env_kwargs={"circuit": str(options.circuit)})
    expert = replace(find_policy("expert", env=policy.environment.id), environment=policy.environment)
    vehicle = policy.environment.kwargs.get("vehicle", "road_car")
    circuit = load_circuit(options.circuit)
    laps = [drive(policy, "Learned"), drive(expert, "Scripted"), reference(circuit, vehicle)]
    fastest = max(float(speed.max()) for _, _, speed in laps)
    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    panels = figure.subplots(1, len(laps))
    for axes, lap in zip(panels, laps, strict=True):
        drawn = draw(axes, circuit, lap, fastest)
    figure.colorbar(drawn, ax=list(panels), label="speed, km/h", shrink=0.8, pad=0.01)
    figure.savefig(options.picture, dpi=110)


if __name__ == "__main__":
    main()
