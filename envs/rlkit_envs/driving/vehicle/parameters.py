"""Parameters of the kinds of car, and the state of one car."""

import numpy as np
import numpy.typing as npt

GRAVITY = 9.81  # m/s²

# One kind of car. Kernels take a record of it as an argument.
VEHICLE = np.dtype(
    [
        ("length", "f8"),  # m
        ("width", "f8"),  # m
        ("track", "f8"),  # m between the middles of the left and the right wheels
        ("front_axle", "f8"),  # m from the centre of gravity
        ("rear_axle", "f8"),  # m from the centre of gravity
        ("wheelbase", "f8"),  # m
        ("gravity_height", "f8"),  # m, of the centre of gravity above the road
        ("mass", "f8"),  # kg
        ("yaw_inertia", "f8"),  # kg m²
        ("front_friction", "f8"),  # peak force over load of the front tyres on dry asphalt
        ("rear_friction", "f8"),
        ("friction_yield", "f8"),  # share of friction that a tyre loses per share of load that acceleration adds
        ("stiffness_yield", "f8"),  # the same for its stiffness over load
        ("front_stiffness", "f8"),  # 1/rad, cornering stiffness of the front axle over its load
        ("rear_stiffness", "f8"),  # 1/rad
        ("drive_force", "f8"),  # N, most that the engine gives
        ("power", "f8"),  # W, most that the engine gives
        ("front_drive", "f8"),  # share of the engine's force at the front axle
        ("brake_force", "f8"),  # N, most that the brakes give, more than the tyres hold
        ("front_brake", "f8"),  # share of the brakes' force at the front axle
        ("drag", "f8"),  # kg/m, air drag over speed squared
        ("front_downforce", "f8"),  # kg/m, over speed squared
        ("rear_downforce", "f8"),  # kg/m
        ("rolling", "f8"),  # rolling resistance over load
        ("max_steering", "f8"),  # rad, at the front wheels
        ("steering_rate", "f8"),  # rad/s, at the front wheels
        ("stability", "f8"),  # m, lever by which stability control turns the tyres' grip into a moment
        ("creep", "f8"),  # m/s, slip is that of wheels which roll at least this fast
        ("top_speed", "f8"),  # m/s, scale of speed readings: just above what the engine reaches
        ("wheel_radius", "f8"),  # m; 0 for the single-track model, whose wheels roll
    ],
    align=True,
)


def _vehicle(**values: float) -> npt.NDArray[np.void]:
    """A record of ``VEHICLE`` as an array of one."""
    record = np.zeros(1, dtype=VEHICLE)
    for name, value in values.items():
        record[name] = value
    record["wheelbase"] = record["front_axle"] + record["rear_axle"]
    return record


# BMW 320i: vehicle 2 of CommonRoad's "Vehicle Models 2020a" (Althoff, Würsching) unless said otherwise.
ROAD_CAR = _vehicle(
    length=4.508,
    width=1.610,
    track=1.40,  # ours, to fit the width
    front_axle=1.1561957,
    rear_axle=1.4227171,
    gravity_height=0.61373,
    mass=1093.2952,
    yaw_inertia=1791.5995,
    # CommonRoad has one tyre (p_dy1 = 1.0489, p_ky1 = -21.92) and so a neutral car. Road cars understeer, by about a
    # degree per g and at the limit too: the front takes most of the roll, so its tyres lose more friction.
    front_friction=0.95,
    rear_friction=1.0489,
    friction_yield=0.2,
    stiffness_yield=0.5,
    front_stiffness=16.0,
    rear_stiffness=21.92,
    drive_force=11.5 * 1093.2952,  # a_max
    power=11.5 * 7.319 * 1093.2952,  # a_max v_switch
    front_drive=0.0,  # T_se
    brake_force=20_000.0,  # TUM, as below
    front_brake=0.66,  # T_sb
    drag=0.75,  # TUM, as below
    rolling=0.015,  # usual for road tyres on asphalt
    max_steering=0.45,  # a radius of 5.5 m, tighter than any circuit's curve
    # CommonRoad plans with 0.4 rad/s; drivers turn the wheel at up to about 900 degrees a second, geared 16 to 1.
    steering_rate=1.0,
    creep=3.5,
    stability=0.35,  # half of the tyres, at half the track
    top_speed=50.0,
)

# A single-seater: racecar.ini of TUM's global_racetrajectory_optimization unless said otherwise.
RACE_CAR = _vehicle(
    length=4.7,
    width=2.0,
    track=1.6,
    front_axle=1.6,
    rear_axle=1.4,
    gravity_height=0.38,
    mass=1200.0,
    yaw_inertia=1200.0,
    # Its Magic Formula has B C = 25; its ggv.csv allows 12 m/s². The front has less of both for the reasons above.
    front_friction=1.16,
    rear_friction=12.0 / GRAVITY,
    friction_yield=0.1,
    stiffness_yield=0.5,
    front_stiffness=22.0,
    rear_stiffness=25.0,
    drive_force=7_000.0,
    power=230_000.0,
    front_drive=0.0,
    brake_force=20_000.0,
    front_brake=0.6,
    drag=0.75,
    front_downforce=0.45,
    rear_downforce=0.75,
    rolling=0.013,
    max_steering=0.45,  # 0.35 there; some hairpins are tighter than that allows
    steering_rate=1.0,  # ours
    stability=0.0,
    creep=7.5,
    top_speed=70.0,
)

# The car of Gymnasium's CarRacing-v3, which moves by ``four_wheels``; a body of 7.06 kg and wheels of 0.06 kg each, as
# Box2D weighs their outlines. What is said about tyres, engine and brakes is for ``limits`` and so for the scripted
# driver only. Without driver aids it gets by with half of the tyres' 22 g. Three quarters of what engine and brakes
# give goes into the spin of the wheels, which weighs as much as 22 kg.
TOY_CAR = _vehicle(
    length=5.0,
    width=2.76,
    track=2.2,
    front_axle=1.6 + 0.0804592,
    rear_axle=1.64 - 0.0804592,
    mass=7.30192,
    yaw_inertia=19.170646,
    front_friction=10.0,
    rear_friction=10.0,
    front_stiffness=180.0,
    rear_stiffness=180.0,
    drive_force=7_400.0,
    power=20_000.0,
    brake_force=2_218.0,
    front_brake=0.5,
    max_steering=0.42,
    steering_rate=3.0,
    creep=5.0,
    top_speed=100.0,
    wheel_radius=0.54,
)

SINGLE_TRACK = {"road_car": ROAD_CAR, "race_car": RACE_CAR}  # that move by ``dynamics``
VEHICLES = SINGLE_TRACK | {"toy_car": TOY_CAR}

YAW_RATE_SCALE = 1.5  # rad/s, scale of readings

# State of one car. Kernels take arrays of it.
CAR = np.dtype(
    [
        ("x", "f8"),  # m, centre of gravity
        ("y", "f8"),  # m
        ("heading", "f8"),  # rad, counter-clockwise from x
        ("speed", "f8"),  # m/s along the car, negative where it slides backwards
        ("lateral_velocity", "f8"),  # m/s across the car, left positive
        ("yaw_rate", "f8"),  # rad/s
        ("steering", "f8"),  # rad, at the front wheels, left positive
        ("settled_acceleration", "f8"),  # m/s² along the car that load transfer has followed
        ("longitudinal_acceleration", "f8"),  # m/s² along the car
        ("lateral_acceleration", "f8"),  # m/s² across the car, left positive
        ("sliding", "f8"),  # demand on the worse axle over its limit, less 1, not below 0
        ("pedal", "f8"),  # 1 accelerating, 0 coasting, -1 braking
        ("command", "f8"),  # steering command of the last decision
        ("road_grip", "f8"),  # grip of the road, as a share of dry asphalt's
        ("front_grip", "f8"),  # the same under the front wheels now
        ("rear_grip", "f8"),
        ("surface_drag", "f8"),  # m/s², deceleration by grass or gravel now
        ("wheel_mask", "i8"),  # wheels beyond the border now: 1 front left, 2 front right, 4 rear left, 8 rear right
        ("spin_front_left", "f8"),  # rad/s of the toy car's wheels
        ("spin_front_right", "f8"),
        ("spin_rear_left", "f8"),
        ("spin_rear_right", "f8"),
        ("throttle", "f8"),  # of the toy car, which opens gradually
        ("station", "f8"),  # m along the centre line
        ("offset", "f8"),  # m to the left of the centre line
        ("progress", "f8"),  # m along the centre line since the start, negative backwards
        ("best_progress", "f8"),  # m, its maximum
        ("gained", "f8"),  # m of progress gained by cutting across with all wheels off the road
        ("time", "f8"),  # s since the start
        ("stuck_time", "f8"),  # s since the progress last grew
        ("off_road_time", "f8"),  # s spent off the road
        ("wrong_way_time", "f8"),  # s spent driving against the circuit's direction
        ("sector_1", "f8"),  # s since the start when a third of the lap was first done, else 0
        ("sector_2", "f8"),  # s, two thirds
        ("lap_time", "f8"),  # s, once the lap is finished, else 0
        ("mean_longitudinal", "f8"),  # m/s², mean acceleration during the last decision
        ("mean_lateral", "f8"),  # m/s²
        ("jerk_squared", "f8"),  # (m/s³)² summed over the decisions
        ("index", "i8"),  # sample of the centre line at or before the car
        ("slot", "i8"),  # of the circuit in ``CircuitCache``
        ("step", "i8"),  # decisions taken
        ("max_steps", "i8"),  # decisions after which the episode is truncated
        ("wheels_off", "i8"),  # wheels beyond the border
        ("off_road", "i8"),  # 1 while off the road, by the rule of two wheels
        ("collisions", "i8"),  # with other cars and cones, since the start
        ("crashed", "i8"),  # 1 while touching something
        ("ended", "i8"),  # 1 once the episode is over
    ],
    align=True,
)
