import numpy as np
import pytest
from gymnasium import spaces

from rlkit import capabilities
from rlkit.boxes import BoxLabels
from rlkit.capabilities import CameraMounting, Conditions, EpisodeMetric, HasMapOutline, HasTelemetry, Reading
from rlkit.errors import UserError
from rlkit.spaces import Classes


class Instrumented:
    def telemetry(self):
        return {"speed": {"value": np.float32(3), "unit": "m/s", "low": 0, "high": 50}}


def test_a_capability_is_had_by_having_the_method():
    assert isinstance(Instrumented(), HasTelemetry)
    assert not isinstance(Instrumented(), HasMapOutline)


def test_episode_metrics_are_read_with_name_and_kind():
    metadata = {"episode_metrics": {"finished": {"name": "lap_rate", "kind": "share"}}}
    assert capabilities.episode_metrics(metadata) == {"finished": EpisodeMetric("finished", "lap_rate", "share")}
    assert capabilities.episode_metrics({}) == {}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"episode_metrics": ["finished"]}, "episode_metrics.*a dict"),
        ({"episode_metrics": {"finished": "lap_rate"}}, "'name' and 'kind'"),
        (
            {"episode_metrics": {"end": {"name": "end", "kind": "label", "minimize": True}}},
            "'minimize' of 'end'",
        ),
        (
            {"episode_metrics": {k: {"name": k, "kind": "ratio", "minimize": True} for k in ("a", "b")}},
            "more than one",
        ),
        (
            {"episode_metrics": {"finished": {"name": "lap_rate", "kind": "percent"}}},
            "share, seconds, ratio, number, label",
        ),
    ],
)
def test_malformed_episode_metrics_are_a_sentence(metadata, said):
    with pytest.raises(UserError, match=said):
        capabilities.episode_metrics(metadata)


def test_advised_arguments_are_read():
    metadata = {"evaluation_kwargs": {"split": "test"}, "training_kwargs": {"start": "anywhere"}}
    assert capabilities.default_kwargs(metadata, "evaluation") == {"split": "test"}
    assert capabilities.default_kwargs(metadata, "training") == {"start": "anywhere"}
    assert capabilities.default_kwargs({}, "training") == {}
    with pytest.raises(UserError, match="evaluation_kwargs"):
        capabilities.default_kwargs({"evaluation_kwargs": "split=test"}, "evaluation")


def test_the_advised_clipping_of_rewards_is_a_number():
    assert capabilities.reward_clip({"reward_clip": 1}) == 1.0
    assert capabilities.reward_clip({}) is None
    for wrong in (True, 0, -1, "1", float("inf"), float("nan")):
        with pytest.raises(UserError, match="reward_clip"):
            capabilities.reward_clip({"reward_clip": wrong})


def test_advice_about_runs_is_read():
    assert capabilities.run_defaults({"run_defaults": {"num_envs": 8}}) == {"num_envs": 8}
    assert capabilities.run_defaults({}) == {}
    for wrong in ({"num_envs": 0}, {"num_envs": 8.0}, {"steps": 8}, [8]):
        with pytest.raises(UserError, match="run_defaults"):
            capabilities.run_defaults({"run_defaults": wrong})


def test_the_scenario_option_is_the_name_of_an_argument():
    assert capabilities.scenario_option({"scenario_option": "circuit"}) == "circuit"
    assert capabilities.scenario_option({}) is None
    with pytest.raises(UserError, match="scenario_option"):
        capabilities.scenario_option({"scenario_option": "the circuit"})


def test_actions_have_a_name_each():
    assert capabilities.action_names(["left", "right"], 2) == ("left", "right")
    assert capabilities.action_names(None, 2, start=1) == ("1", "2")
    with pytest.raises(UserError, match="1 names for 2 actions"):
        capabilities.action_names(["left"], 2)
    with pytest.raises(UserError, match="list of 2 strings"):
        capabilities.action_names("lr", 2)


def test_an_environment_may_say_how_many_values_its_axes_are_best_given():
    assert capabilities.action_bins({"action_bins": [3, 2]}) == (3, 2)
    assert capabilities.action_bins({}) is None
    for wrong in (3, "3,3", (3, 0), (3, 1.5), (True, 2)):
        with pytest.raises(UserError, match="action_bins"):
            capabilities.action_bins({"action_bins": wrong})


def test_telemetry_is_read_as_plain_numbers():
    assert capabilities.readings(Instrumented().telemetry()) == {"speed": Reading(3.0, "m/s", 0.0, 50.0)}
    with pytest.raises(UserError, match="'speed'"):
        capabilities.readings({"speed": 3.0})


def test_values_of_one_environment_come_out_of_the_infos_as_python_values():
    infos = {
        "finished": np.array([True, False]),
        "lap_time": np.array([61.5, np.nan], np.float32),
        "_lap_time": np.array([True, True]),
        "circuit": np.array(["oval", None], object),
        "late": np.array([1, 0]),
        "_late": np.array([False, True]),
    }
    first = {key: capabilities.info_value(infos, key, 0) for key in ("finished", "lap_time", "circuit", "late")}
    assert first == {"finished": True, "lap_time": 61.5, "circuit": "oval", "late": None}
    assert type(first["finished"]) is bool
    assert capabilities.info_value(infos, "lap_time", 1) is None
    assert capabilities.info_value(infos, "missing", 0) is None


def test_a_map_outline_is_lines_of_points():
    line = np.zeros((4, 2), np.float32)
    assert [part.shape for part in capabilities.map_lines(line)] == [(4, 2)]
    assert len(capabilities.map_lines({"left": line, "right": line})) == 2
    with pytest.raises(UserError, match="map_outline"):
        capabilities.map_lines([np.zeros(3)])


def test_what_a_segmentation_shows_is_read_as_classes():
    metadata = {"classes": ("grass", "road"), "drivable": ("road",)}
    assert capabilities.segmentation_classes(metadata) == Classes(("grass", "road"), ("road",))
    assert capabilities.segmentation_classes({}) is None
    for wrong in ({"classes": "road"}, {"classes": ("grass", "road")}, {"classes": ("a", "b"), "drivable": ("c",)}):
        with pytest.raises(UserError):
            capabilities.segmentation_classes(wrong)


def test_looks_are_read_with_the_argument_that_chooses_them():
    metadata = {"conditions": {"option": "weather", "train": ["clear", "rain"], "held-out": ["fog"]}}
    assert capabilities.conditions(metadata) == Conditions("weather", ("clear", "rain"), ("fog",))
    assert capabilities.conditions({}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"train": ["clear"]},
        {"option": "the weather", "train": ["clear"]},
        {"option": "weather", "train": "clear"},
        {"option": "weather", "train": []},
        {"option": "weather", "train": ["clear"], "held-out": ["clear"]},
    ],
)
def test_malformed_looks_are_a_sentence(wrong):
    with pytest.raises(UserError, match="conditions"):
        capabilities.conditions({"conditions": wrong})


def test_a_cameras_mounting_is_read_in_metres_and_radians():
    entry = {"height_above_ground": 1.3, "pitch": 0.06, "field_of_view": 1.22, "ahead": 0}
    assert capabilities.camera({"camera": entry}) == CameraMounting(1.3, 0.06, 1.22, 0.0)
    assert capabilities.camera({}) is None
    for name, value in (("pitch", "down"), ("height_above_ground", 0.0), ("field_of_view", 3.2), ("ahead", None)):
        with pytest.raises(UserError, match="camera"):
            capabilities.camera({"camera": entry | {name: value}})


FIELDS = ("class", "x1", "y1", "x2", "y2", "distance")


def test_boxes_are_declared_with_their_classes_and_columns():
    metadata = {"box_labels": {"classes": ["car"], "fields": FIELDS}}
    assert capabilities.box_labels({}) is None
    assert capabilities.box_labels(metadata) == BoxLabels(("car",), FIELDS)
    space = spaces.Dict({"boxes": spaces.Box(-1, 99, (4, 6))})
    assert capabilities.box_labels(metadata, space) == BoxLabels(("car",), FIELDS)
    assert capabilities.box_labels(metadata, spaces.Dict({"camera": spaces.Box(0, 1, (4, 6))})) is None
    with pytest.raises(UserError, match=r"shape \(4, 5\) for 6 fields"):
        capabilities.box_labels(metadata, spaces.Dict({"boxes": spaces.Box(-1, 99, (4, 5))}))


@pytest.mark.parametrize(
    "entry",
    [
        {"classes": ("car",), "fields": ("class", "x1", "y1", "x2")},
        {"classes": ("car",), "fields": (*FIELDS, "x1")},
        {"classes": (), "fields": FIELDS},
        {"classes": "car", "fields": FIELDS},
        ["car"],
    ],
)
def test_a_malformed_declaration_of_boxes_is_a_sentence(entry):
    with pytest.raises(UserError, match="box_labels"):
        capabilities.box_labels({"box_labels": entry})


SITUATION = {"speed": 12, "yaw_rate": 0.1, "steering": 0.0, "pedal": -1.0, "weather": "rain", "road": np.zeros((3, 5))}


def test_a_situation_is_read():
    read = capabilities.situation(SITUATION)
    assert (read.speed, read.pedal, read.weather, read.road.shape) == (12.0, -1.0, "rain", (3, 5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": "fast"},
        {"pedal": float("nan")},
        {"weather": 3},
        {"road": np.zeros((1, 5))},
        {"road": np.zeros((3, 4))},
        {"road": np.full((3, 5), np.inf)},
    ],
)
def test_a_malformed_situation_is_a_sentence(wrong):
    with pytest.raises(UserError, match=r"situation\(\)"):
        capabilities.situation(SITUATION | wrong)
    with pytest.raises(UserError, match="should give a dict with speed, yaw_rate"):
        capabilities.situation({"speed": 12.0})


def test_what_actions_control_is_read():
    assert capabilities.action_controls({}, 2) is None
    assert capabilities.action_controls({"action_controls": ((-1, 0), (0, 1))}, 2).tolist() == [[-1, 0], [0, 1]]
    for wrong in (((-1, 0),), "left", ((0, float("nan")), (0, 1))):
        with pytest.raises(UserError, match="action_controls"):
            capabilities.action_controls({"action_controls": wrong}, 2)
