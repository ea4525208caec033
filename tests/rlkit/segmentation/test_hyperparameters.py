"""Settings, presets and schedules."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain, validated, with_settings
from rlkit.segmentation.hyperparameters import PRESETS, Hyperparameters, usual_preset
from rlkit.segmentation.learner import END, START, learning_rate_factor
from rlkit.segmentation.transforms import FILES, SIMULATOR
from rlkit.spaces import Classes

TWO, MANY = Classes(("other", "road"), ("road",)), Classes(tuple("abcdefgh"), ("a",))


@pytest.mark.parametrize(("preset", "classes"), list(itertools.product(PRESETS, (TWO, MANY))))
def test_presets_are_valid_and_survive_being_written_down(preset, classes):
    recipe = validated(PRESETS[preset](classes, 100))
    plain = {
        key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(recipe).items()
    }
    assert from_plain(Hyperparameters, plain) == recipe


def test_presets_change_pictures_as_the_data_say():
    assert PRESETS[usual_preset(None)](MANY, None).augmentation() == SIMULATOR
    assert PRESETS[usual_preset(367)](MANY, 367).augmentation() == FILES


def test_what_best_weights_are_chosen_by_follows_the_classes():
    assert PRESETS["files"](MANY, 367).select_by == "mean_iou"
    assert PRESETS["files"](TWO, 367).select_by == "drivable_iou"


def test_every_setting_says_what_it_means():
    assert all(field.metadata["meaning"].endswith(".") for field in dataclasses.fields(Hyperparameters))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"crop": "240"}, "height and width"),
        ({"crop": "2,2"}, "crop"),
        ({"scale_min": "2", "scale_max": "1"}, "larger"),
        ({"learning_rate": "0"}, "expected more than 0"),
        ({"flip": "1.5"}, "flip"),
        ({"ema_decay": "1"}, "ema_decay"),
        ({"nois": "1"}, "Did you mean noise"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        with_settings(Hyperparameters(), settings)


def test_a_crop_is_typed_as_height_and_width():
    assert with_settings(Hyperparameters(), {"crop": "96,128"}).augmentation().crop == (96, 128)


@given(st.sampled_from(["one-cycle", "poly", "constant"]), st.floats(0, 0.9), st.floats(0, 1))
def test_a_step_size_lies_between_nothing_and_its_largest(schedule, warmup, used):
    assert 0 <= learning_rate_factor(schedule, used, warmup) <= 1 + 1e-12


@pytest.mark.parametrize("schedule", ["one-cycle", "poly", "constant"])
def test_step_sizes_rise_while_warming_up_and_never_after(schedule):
    factors = [learning_rate_factor(schedule, used / 100, 0.2) for used in range(101)]
    assert factors[0] == pytest.approx(START)
    assert factors[20] == pytest.approx(1)
    assert all(a < b for a, b in itertools.pairwise(factors[:21]))
    assert all(a >= b for a, b in itertools.pairwise(factors[20:]))


def test_schedules_end_where_their_papers_end_them():
    assert learning_rate_factor("one-cycle", 1.0, 0.1) == pytest.approx(END)
    assert learning_rate_factor("one-cycle", 0.5, 0.0) == pytest.approx((1 + END) / 2)
    assert learning_rate_factor("poly", 0.5, 0.0) == pytest.approx(0.5**0.9)
    assert learning_rate_factor("poly", 1.0, 0.0) == 0
    assert learning_rate_factor("constant", 1.0, 0.1) == 1
