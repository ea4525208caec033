from dataclasses import dataclass

import pytest

from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain, hyperparameter, with_settings
from rlkit.utils.parsing import read_value


@dataclass(frozen=True)
class Config:
    gamma: float = hyperparameter(0.99, "Discount.", low=0, high=1)
    batch_size: int = hyperparameter(32, "Batch.", low=1)
    hidden: tuple[int, ...] = hyperparameter((64,), "Widths.")
    double: bool = hyperparameter(True, "Double.")
    clip: float | None = hyperparameter(None, "Clip.")
    loss: str = hyperparameter("huber", "Loss.", choices=("huber", "squared", "none"))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("gamma", "0.5", 0.5),
        ("gamma", "1", 1.0),
        ("batch_size", "64", 64),
        ("batch_size", "1e2", 100),
        ("hidden", "128,64", (128, 64)),
        ("hidden", "[128, 64]", (128, 64)),
        ("hidden", "128", (128,)),
        ("double", "false", False),
        ("double", "False", False),
        ("clip", "1", 1.0),
        ("clip", "null", None),
        ("clip", "None", None),
        ("clip", "none", None),
        ("loss", "squared", "squared"),
        ("loss", "none", "none"),  # a word, where None is no value
    ],
)
def test_values_are_parsed_as_typed_on_the_command_line(key, text, value):
    read = getattr(with_settings(Config(), {key: text}), key)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("gama", "0.5", "no hyperparameter 'gama'. Did you mean gamma"),
        ("gamma", "high", "gamma = 'high' has the wrong type: expected a number"),
        ("gamma", "2", "gamma = 2.0 is out of range: expected a value from 0 to 1"),
        ("batch_size", "1.5", "wrong type: expected a whole number"),
        ("batch_size", "true", "wrong type: expected a whole number"),
        ("batch_size", "-3", "at least 1"),
        ("double", "1", "wrong type: expected true or false"),
        ("loss", "mse", "not one of huber, squared"),
        ("loss", "1", "not one of huber, squared"),
        ("gamma", "none", "gamma = 'none' has the wrong type"),
    ],
)
def test_errors_name_the_hyperparameter_and_what_is_expected(key, text, message):
    with pytest.raises(UserError, match=message):
        with_settings(Config(), {key: text})


def test_from_plain_inverts_json():
    assert from_plain(Config, {"hidden": [1, 2], "gamma": 1, "clip": None}) == Config(hidden=(1, 2), gamma=1.0)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("48,64", [48, 64]),
        ("1,2.5", [1, 2.5]),
        ("camera,state", "camera,state"),
        ("[1, 2]", [1, 2]),
        ("low sun", "low sun"),
    ],
)
def test_numbers_with_commas_are_a_list_and_words_with_commas_are_text(typed, read):
    assert read_value(typed) == read
