"""The scripted driver: racing line, speed profile, lap time, and actions by pure pursuit.

The speeds are the quasi-steady profile of the car of ``vehicle``: forward and backward passes under friction,
load transfer, downforce, power, drag and the drag of slipping tyres. The time of that profile on the line of
``racing_line`` is the **reference time** that drivers are compared with; it is no lower bound. The driver follows line
and speeds by pure pursuit (Coulter 1992).
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.expert.overtaking import yield_to
from rlkit_envs.driving.expert.racing_line import choose_line, measure_line
from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import LEFT, RIGHT, Circuit, X, Y
from rlkit_envs.driving.vehicle.actions import ACCELERATE, BRAKE, COAST, PEDALS, STEERING_LEVELS
from rlkit_envs.driving.vehicle.limits import (
    braking_limit,
    corner_speed,
    cornering_limit,
    drive_limit,
    full_curvature,
    resistance,
    traction_limit,
)
from rlkit_envs.driving.vehicle.parameters import ROAD_CAR

REFERENCE_MARGIN = 0.35  # m between the car's side and the border on the reference line
# Of the driver itself, whose steering and pedals have steps:
MARGIN = 0.95  # m
GRIP_SHARE = 0.94  # of the grip
NO_LIMIT = 1e3  # m/s

_RESPONSE_TIME = 0.2  # s until wheels and body respond to a command
# The toy car, with twenty times gravity of grip and steering that is fast, takes tighter curves at the same speed.
_DIRECT_RESPONSE_TIME = 0.08  # s
_DIRECT_REACH = 0.45  # share of the look-ahead distance
# Where the line lies further than this from the middle of the road, a car that starts in the middle is far from it. It
# then aims at a point further ahead, so that it does not drive towards the border at a right angle.
_WIDE = 6.0  # m
_APPROACH = 2.5  # m ahead for each metre off the line
_OVERSPEED_BRAKING = 4.0  # m/s² of braking per share of grip that the curve needs in excess
_GO, _STOP = 0.5, -3.5  # m/s², wanted accelerations beyond which the discrete pedals are used


@kernel
def _gain(vehicle: Record, grip: float, speed: float, curvature: float) -> float:
    """Acceleration (m/s²) at full throttle in a curve."""
    across = speed * speed * abs(curvature)
    return float(traction_limit(vehicle, grip, speed, across) - resistance(vehicle, grip, speed, across))


@kernel
def speed_profile(curvature: np.ndarray, step: np.ndarray, vehicle: Record, grip: float) -> np.ndarray:
    """Highest speed at each point of a closed line that tyres, engine and brakes allow on a flying lap.

    Args:
        curvature: (n,) in 1/m.
        step: (n,) metres from each point to the next.
        vehicle: One record of ``VEHICLE``.
        grip: Share of dry asphalt's grip that is used.

    Returns:
        (n,) speeds in m/s.
    """
    count = len(curvature)
    speed = np.empty(count)
    for i in range(count):
        speed[i] = corner_speed(vehicle, grip, curvature[i])
    for k in range(2 * count):  # twice around, because the speed at the start is that at the end
        i = k % count
        j = (k + 1) % count
        now = speed[i]
        gain = _gain(vehicle, grip, now, curvature[i])
        speed[j] = min(speed[j], np.sqrt(max(1.0, now * now + 2.0 * gain * step[i])))
    for k in range(2 * count, 0, -1):
        i = (k - 1) % count
        j = k % count
        then = speed[j]
        across = then * then * abs(curvature[j])
        share = min(1.0, across / cornering_limit(vehicle, grip, then))
        loss = braking_limit(vehicle, grip, then) * np.sqrt(1.0 - share * share)
        loss += resistance(vehicle, grip, then, across)
        speed[i] = min(speed[i], np.sqrt(then * then + 2.0 * loss * step[i]))
    return speed


@kernel
def profile_time(
    curvature: np.ndarray,
    step: np.ndarray,
    speed: np.ndarray,
    vehicle: Record,
    grip: float,
    start: int,
    start_speed: float,
) -> float:
    """Lap time (s) from a sample on, accelerating from ``start_speed`` until the profile is reached."""
    count = len(speed)
    now = min(start_speed, speed[start])
    total = 0.0
    for k in range(count):
        i = (start + k) % count
        j = (i + 1) % count
        then = speed[j]
        if now < speed[i]:
            gain = _gain(vehicle, grip, now, curvature[i])
            then = min(then, np.sqrt(max(1.0, now * now + 2.0 * gain * step[i])))
        total += 2.0 * step[i] / (now + then)
        now = then
    return total


@kernel
def pursuit_distance(pace: float) -> float:
    """Look-ahead distance (m) of pure pursuit at a speed (m/s)."""
    return float(3.0 + 0.3 * pace + 0.003 * pace * pace)


@kernel
def pursue(
    car: Record, vehicle: Record, line: np.ndarray, speed: np.ndarray, limit: float, aside: float, approach: float = 0.0
) -> tuple[float, float]:
    """Pure pursuit: steer along the arc from the car to a point of the line at the look-ahead distance.

    Args:
        car: One record of ``CAR``.
        vehicle: Its record of ``VEHICLE``.
        line: (n, 2) line to follow, in metres, point i beside sample i of the centre line.
        speed: (n,) speeds to drive there, in m/s.
        limit: Speed limit by traffic, in m/s; ``NO_LIMIT`` for none.
        aside: Offset to keep to the left of the line, in metres.
        approach: Least look-ahead distance for each metre that the car is off the line.

    Returns:
        Steering command in [-1, 1] and wanted acceleration in m/s².
    """
    count = len(line)
    # Start from the predicted pose after the response time. The arc begins in the direction of motion, which differs
    # from the heading by the slip angle.
    response = _DIRECT_RESPONSE_TIME if vehicle.wheel_radius > 0.0 else _RESPONSE_TIME
    ahead = max(1.0, car.speed)
    turned = 0.5 * response * car.yaw_rate
    course = car.heading + np.arctan(car.lateral_velocity / ahead) + turned
    pace = np.sqrt(ahead * ahead + car.lateral_velocity**2)
    x = car.x + response * pace * np.cos(course)
    y = car.y + response * pace * np.sin(course)
    course += turned
    reach = pursuit_distance(pace)
    if vehicle.wheel_radius > 0.0:
        reach *= _DIRECT_REACH
    i = car.index
    if approach > 0.0:
        j, k = (i + 1) % count, (i - 1) % count
        tx, ty = line[j, 0] - line[k, 0], line[j, 1] - line[k, 1]
        away = (tx * (y - line[i, 1]) - ty * (x - line[i, 0])) / np.sqrt(tx * tx + ty * ty)
        reach = max(reach, approach * abs(away - aside))
    dx = dy = squared = 0.0
    for _ in range(60):
        i = (i + 1) % count
        dx = line[i, 0] - x
        dy = line[i, 1] - y
        squared = dx * dx + dy * dy
        if squared >= reach * reach and dx * np.cos(course) + dy * np.sin(course) > 0.0:
            break
    if aside != 0.0:
        j, k = (i + 1) % count, (i - 1) % count
        tx, ty = line[j, 0] - line[k, 0], line[j, 1] - line[k, 1]
        norm = np.sqrt(tx * tx + ty * ty)
        dx -= aside * ty / norm
        dy += aside * tx / norm
        squared = dx * dx + dy * dy
    curvature = 2.0 * (np.cos(course) * dy - np.sin(course) * dx) / max(1.0, squared)
    across = abs(curvature) * car.speed * car.speed
    command = curvature / full_curvature(vehicle, car.road_grip, car.speed)
    soon = (car.index + int(0.25 * max(0.0, car.speed)) + 1) % count
    acceleration = (min(speed[soon], limit) - car.speed) / 0.25
    asked = across / cornering_limit(vehicle, car.road_grip, car.speed)
    if asked > 1.0:  # the arc is tighter than the tyres hold at this speed
        acceleration = min(acceleration, _OVERSPEED_BRAKING * (1.0 - asked))
    return min(1.0, max(-1.0, command)), acceleration


class Plan:
    """Line, speed profile and lap time of a circuit; takes some milliseconds.

    Args:
        circuit: The circuit.
        vehicle: (1,) record of ``VEHICLE``.
        road_grip: Grip of the road, as a share of dry asphalt's.
        margin: Distance between the car's side and the border, in metres.
        used: Share of the tyres' grip to use.
    """

    def __init__(
        self,
        circuit: Circuit,
        vehicle: npt.NDArray[np.void] = ROAD_CAR,
        road_grip: float = 1.0,
        margin: float = REFERENCE_MARGIN,
        used: float = 1.0,
    ):
        self.circuit = circuit
        self.vehicle = vehicle
        self.grip = used * road_grip
        points = np.ascontiguousarray(circuit.line[:, X : Y + 1])
        normals = circuit.normals
        side = 0.5 * float(vehicle["width"][0]) + margin
        high = np.maximum(0.0, circuit.line[:, LEFT] - side)
        low = -np.maximum(0.0, circuit.line[:, RIGHT] - side)
        self.offset: npt.NDArray[np.float64] = choose_line(points, normals, low, high)  # m to the left of the middle
        self.line: npt.NDArray[np.float64] = points + self.offset[:, None] * normals
        self.curvature, self.step = measure_line(self.line)
        self.speed: npt.NDArray[np.float64] = speed_profile(self.curvature, self.step, vehicle[0], self.grip)

    def lap_time(self, start: int = 0, start_speed: float = 0.0) -> float:
        """Lap time in seconds.

        Args:
            start: Sample of the centre line at the start.
            start_speed: Speed there, in m/s; 0 for a standing start.
        """
        return float(
            profile_time(self.curvature, self.step, self.speed, self.vehicle[0], self.grip, start, start_speed)
        )


class ExpertDriver:
    """The scripted driver of one circuit, and the reference time there; both are computed when first used.

    Args:
        circuit: The circuit.
        vehicle: (1,) record of ``VEHICLE``.
        road_grip: Grip of the road, as a share of dry asphalt's.
    """

    def __init__(self, circuit: Circuit, vehicle: npt.NDArray[np.void] = ROAD_CAR, road_grip: float = 1.0):
        self.circuit = circuit
        self.vehicle = vehicle
        self.road_grip = road_grip

    @cached_property
    def reference(self) -> Plan:
        """The reference lap: all of the grip, nearly the whole width of the road."""
        return Plan(self.circuit, self.vehicle, self.road_grip)

    @cached_property
    def target(self) -> Plan:
        """The lap that the driver follows."""
        return Plan(self.circuit, self.vehicle, self.road_grip, MARGIN, GRIP_SHARE)

    def react_to_traffic(self, car: Any, others: npt.NDArray[np.void], circuit: Any) -> tuple[float, float]:
        """Speed and offset that avoid other road users.

        Args:
            car: A record of ``CAR``.
            others: (K,) records of ``OTHER``.
            circuit: Record of ``CIRCUIT``.

        Returns:
            Speed limit in m/s, and offset to the left of the target line in metres.
        """
        if len(others) == 0:
            return NO_LIMIT, 0.0
        vehicle, plan = self.vehicle[0], self.target
        pace = max(1.0, float(car["speed"]))
        reach = _RESPONSE_TIME * pace + pursuit_distance(pace)
        wanted = plan.offset[int(car["index"] + reach / self.circuit.step) % len(plan.offset)]
        line = self.circuit.line
        length, width = vehicle["length"], vehicle["width"]
        offset, limit = yield_to(car, length, width, wanted, reach, others, len(others), line, circuit, self.road_grip)
        return min(NO_LIMIT, limit), offset - wanted

    def _pursue(self, car: Any, limit: float, aside: float) -> tuple[float, float]:
        plan = self.target
        approach = _APPROACH if abs(plan.offset[car["index"]]) > _WIDE else 0.0
        wish: tuple[float, float] = pursue(car, self.vehicle[0], plan.line, plan.speed, limit, aside, approach)
        return wish

    def act(self, car: Any, limit: float = NO_LIMIT, aside: float = 0.0) -> int:
        """The discrete action closest to what pure pursuit asks for.

        Args:
            car: A record of ``CAR``.
            limit: Speed limit, in m/s.
            aside: Offset to the left of the target line, in metres.
        """
        command, acceleration = self._pursue(car, limit, aside)
        steering = min(range(len(STEERING_LEVELS)), key=lambda level: abs(STEERING_LEVELS[level] - command))
        pedal = ACCELERATE if acceleration > _GO else BRAKE if acceleration < _STOP else COAST
        return steering * len(PEDALS) + pedal

    def act_continuous(self, car: Any, limit: float = NO_LIMIT, aside: float = 0.0) -> npt.NDArray[np.float32]:
        """(2,) float32 steering command and pedal in [-1, 1]; arguments as in ``act``."""
        command, acceleration = self._pursue(car, limit, aside)
        vehicle = self.vehicle[0]
        force = vehicle["mass"] * (acceleration + resistance(vehicle, self.road_grip, max(0.0, car["speed"]), 0.0))
        pedal = force / (drive_limit(vehicle, car["speed"]) if force > 0.0 else vehicle["brake_force"])
        return np.array([command, min(1.0, max(-1.0, pedal))], dtype=np.float32)
