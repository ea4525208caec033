import numpy as np
import pytest

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.segmentation.datasets.io import resize_pictures
from rlkit.segmentation.datasets.simulator import SimulatorDataset

SMALL = {"num_circuits": 2, "circuit_length": [300.0, 400.0], "camera_size": [16, 32]}


@pytest.fixture(scope="module")
def driving():
    environment = EnvConfig("rlkit/DrivingCamera-v0", SMALL)
    source = SimulatorDataset(environment, selected=6, measured=7)
    yield source
    source.close()


@pytest.fixture(scope="module")
def measured(driving):
    return {split: list(driving.measured(split)) for split in driving.splits}


def test_pictures_come_with_the_class_of_every_pixel(driving):
    batch = next(driving.training(3, np.random.default_rng(0)))
    assert batch.images.shape == (3, 16, 32, 3)
    assert batch.labels.shape == (3, 16, 32)
    assert batch.labels.max() < len(driving.classes)
    drivable = np.isin(batch.labels, np.flatnonzero(driving.classes.drivable_mask))
    assert 0.1 < drivable.mean() < 0.9


def test_a_batch_depends_on_the_generators_state_before_it_and_nothing_else(driving):
    generator = np.random.default_rng(1)
    batches = driving.training(2, generator)
    next(batches)
    state = generator.bit_generator.state
    expected = next(batches)
    batches.close()
    again = np.random.default_rng(99)
    again.bit_generator.state = state
    batch = next(driving.training(2, again))
    assert batch.names == expected.names
    assert (batch.images == expected.images).all()
    assert (batch.labels == expected.labels).all()


def test_every_training_image_is_of_an_episode_of_its_own(driving):
    batches = driving.training(4, np.random.default_rng(2))
    names = [name for _ in range(3) for name in next(batches).names]
    assert len(set(names)) == 12


def test_selection_is_reproducible_and_of_the_training_conditions(driving):
    first, second = (list(driving.selection()) for _ in range(2))
    assert sum(map(len, first)) == 6
    assert {condition for batch in first for condition in batch.conditions} == {"mixture"}
    assert all((one.images == other.images).all() for one, other in zip(first, second, strict=True))


def test_each_condition_is_measured_and_held_out_ones_only_in_their_split(measured):
    looks = {split: {c for batch in batches for c in batch.conditions} for split, batches in measured.items()}
    assert looks["test"] == {"mixture", "clear", "overcast", "dusk", "low sun", "rain", "night"}
    assert looks["held-out"] == {"mixture", "fog", "snow", "storm", "dawn"}


def test_as_many_pictures_are_measured_as_were_asked_for_evenly(measured):
    assert sum(map(len, measured["test"])) == 7  # one of each look
    assert sum(map(len, measured["held-out"])) == 10  # the next number that five looks share


def test_no_picture_is_of_two_streams(driving, measured):
    names = [name for split in measured.values() for batch in split for name in batch.names]
    names += [name for batch in driving.selection() for name in batch.names]
    assert len(set(names)) == len(names)


def test_another_seed_measures_other_pictures_and_the_same_one_the_same(driving, measured):
    environment = EnvConfig("rlkit/DrivingCamera-v0", {**SMALL, "weather": "fog"})
    one, same, other = (next(SimulatorDataset(environment, seed=s, measured=1).measured("test")) for s in (0, 0, 1))
    assert (one.images == same.images).all()
    assert one.names != other.names
    assert one.conditions == ("fog",)


def test_pictures_have_boxes_where_the_environment_has_them(driving):
    small = {**SMALL, "camera_size": [48, 64], "traffic": 20, "obstacles": 10}
    source = SimulatorDataset(EnvConfig("rlkit/DrivingTrafficCamera-v0", small), selected=8)
    assert source.box_classes == ("car", "cone")
    batch = next(source.selection())
    vehicle = source.classes.names.index("vehicle")
    assert len(batch.boxes) == len(batch.images)
    assert sum(map(len, batch.boxes)) > 5
    for labels, boxes in zip(batch.labels, batch.boxes, strict=True):
        covered = np.zeros(labels.shape, bool)
        for x1, y1, x2, y2 in boxes.boxes.astype(int):
            covered[y1:y2, x1:x2] = True
        assert covered[labels == vehicle].all()
    part = batch.part(slice(1, 3))
    assert part.boxes == batch.boxes[1:3]
    assert driving.box_classes == ()
    assert next(driving.selection()).boxes is None
    source.close()


def test_the_environment_renders_the_given_size_if_it_can():
    unsized = {name: value for name, value in SMALL.items() if name != "camera_size"}
    source = SimulatorDataset(EnvConfig("rlkit/DrivingCamera-v0", unsized), (24, 40))
    assert source.size == (24, 40)
    rendered = SimulatorDataset(EnvConfig("rlkit/DrivingCamera-v0", {**unsized, "camera_size": [24, 40]}))
    one, other = (next(each.training(1, np.random.default_rng(0))) for each in (source, rendered))
    assert (one.images == other.images).all()


def test_a_larger_camera_is_kept_and_its_pictures_are_scaled_down():
    environment = EnvConfig("rlkit/DrivingCamera-v0", {**SMALL, "camera_size": [32, 64]})
    large, small = (
        next(SimulatorDataset(environment, size).training(1, np.random.default_rng(0))) for size in (None, (16, 32))
    )
    assert large.images.shape == (1, 32, 64, 3)
    assert (small.images == resize_pictures(large.images, (16, 32))).all()
    assert small.labels.shape == (1, 16, 32)


def test_any_environment_with_a_camera_and_labels_is_accepted_and_resized(road_camera):
    source = SimulatorDataset(EnvConfig(road_camera), (12, 16), selected=5, measured=6)
    assert source.classes.names == ("sky", "grass", "road")
    assert source.splits == ("test",)
    batch = next(source.training(3, np.random.default_rng(0)))
    assert batch.images.shape == (3, 12, 16, 3)
    assert set(np.unique(batch.labels)) == {0, 1, 2}
    assert sum(map(len, source.selection())) == 5
    assert sum(map(len, source.measured("test"))) == 6


def test_episodes_that_end_on_the_way_are_followed_by_others(road_camera):
    source = SimulatorDataset(EnvConfig(road_camera, {"steps": 3}), measured=8)
    names = [name for batch in source.measured("test") for name in batch.names]
    assert len(set(names)) == 8
    assert all(int(name.rpartition(" ")[2]) < 3 for name in names)


@pytest.mark.parametrize("environment", ["CartPole-v1", "rlkit/Driving-v0"])
def test_an_environment_without_pictures_is_refused_with_what_is_needed(environment):
    with pytest.raises(UserError, match="has no labelled pictures"):
        SimulatorDataset(EnvConfig(environment))


def test_pictures_are_the_same_in_however_many_processes_they_are_made(road_camera):
    here, elsewhere = (SimulatorDataset(EnvConfig(road_camera, {"workers": workers}), measured=6) for workers in (0, 2))
    try:
        for make in (
            lambda source: next(source.training(3, np.random.default_rng(5))),
            lambda source: next(source.measured("test")),
        ):
            expected, made = make(here), make(elsewhere)
            assert made.names == expected.names
            assert (made.images == expected.images).all()
    finally:
        here.close()
        elsewhere.close()


@pytest.mark.parametrize(
    ("fault", "workers", "said"),
    [
        ("hang", 0, r", environment 0 \(seed \d+\), step 2: step did not come back within 0.3 s \(.*road_camera.py:\d"),
        ("raise", 0, r", environment \d \(seed \d+\), step 2: step raised KeyError: 'speed'"),
        ("raise", 1, r", environment \d \(seed \d+\), step 2: step raised KeyError: 'speed'"),
    ],
)
def test_an_environment_that_fails_is_named_with_what_it_did(road_camera, fault, workers, said):
    arguments = {"fault": fault, "workers": workers, "step_timeout": 0.3}
    source = SimulatorDataset(EnvConfig(road_camera, arguments), measured=4)
    with pytest.raises(UserError, match=f"RoadCamera{said}") as told:
        list(source.measured("test"))
    assert told.value.exit_code == 1


def test_a_lost_process_is_replaced_with_a_warning(road_camera, tmp_path, caplog):
    arguments = {"fault": "exit", "marker": str(tmp_path / "once"), "workers": 1}
    source = SimulatorDataset(EnvConfig(road_camera, arguments), measured=4)
    (batch, *more) = source.measured("test")
    assert len(batch) + sum(map(len, more)) == 4
    (warning,) = caplog.messages
    assert "step 2: step ended its process with exit status 3; a new process replaces it" in warning


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("frame_skip", 4, "distance between two pictures"),
        ("frame_stack", 2, "single pictures"),
        ("grayscale", True, "colour pictures"),
        ("resize", 16, "set by --size"),
        ("action_bins", 5, "its own discrete actions"),
        ("mirror_actions", [0], "no actions are learned"),
        ("unrewarded_limit", 9, "rewards are not used"),
    ],
)
def test_an_argument_without_effect_is_refused_with_the_reason(road_camera, name, value, why):
    with pytest.raises(UserError, match=f"^{name} has no effect.*{why}.*Leave it out"):
        SimulatorDataset(EnvConfig(road_camera, {name: value}))


def test_workers_are_refused_where_all_are_stepped_in_one_batch():
    with pytest.raises(UserError, match=r"workers=2: .*DrivingCamera-v0 has a vector environment of its own"):
        SimulatorDataset(EnvConfig("rlkit/DrivingCamera-v0", {**SMALL, "workers": 2}))


def test_an_unknown_split_is_refused(driving):
    with pytest.raises(UserError, match="no split 'val': it has test, held-out"):
        next(driving.measured("val"))
