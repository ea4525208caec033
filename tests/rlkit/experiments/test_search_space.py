from dataclasses import dataclass

import pytest

from rlkit.errors import UserError
from rlkit.experiments.search_space import Choices, read_space, start_of, suggest
from rlkit.hyperparameters import Range, hyperparameter, with_settings


@dataclass(frozen=True)
class Config:
    learning_rate: float = hyperparameter(1e-3, "Step.", low=0, high=1, search=Range(1e-5, 1e-2, log=True))
    batch_size: int = hyperparameter(48, "Batch.", low=1, search=(32, 64))
    hidden: tuple[int, ...] = hyperparameter((64,), "Widths.")
    gamma: float = hyperparameter(0.99, "Discount.", low=0, high=1)
    n_step: int = hyperparameter(3, "Steps.", low=1, high=20)
    double: bool = hyperparameter(True, "Double.")
    clip: float | None = hyperparameter(None, "Clip.")


class Lowest:
    """A trial that samples the smallest value, or the last choice."""

    def suggest_float(self, name, low, high, log):
        return low

    def suggest_int(self, name, low, high, log):
        return low

    def suggest_categorical(self, name, choices):
        return choices[-1]


def test_what_the_agent_advises_is_searched_unless_something_is_named():
    space = read_space(Config(), [])
    assert space == {"learning_rate": Range(1e-5, 1e-2, log=True), "batch_size": Choices(("48", "32", "64"))}
    assert read_space(Config(), ["learning_rate"]) == {"learning_rate": Range(1e-5, 1e-2, log=True)}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("gamma=0.9..0.999", Range(0.9, 0.999)),
        ("learning_rate=1e-4..1e-2", Range(1e-4, 1e-2, log=True)),
        ("n_step=1..5", Range(1, 5)),
        ("hidden=32|64,64|64", Choices(("32,", "64,", "64,64"))),
        ("clip=1,null", Choices(("1.0", "null"))),
        ("double", Choices(("true", "false"))),
        ("n_step", Range(1, 20, log=True)),  # from a tenth to ten times 3, within its bounds
        ("batch_size=128,64,128", Choices(("64", "128"))),
        ("batch_size=1e2,200", Choices(("100", "200"))),
    ],
)
def test_ranges_and_values_are_read_as_people_type_them(typed, expected):
    (found,) = read_space(Config(), [typed]).values()
    assert found == expected


def test_the_search_can_start_from_the_preset():
    config = Config(learning_rate=0.05)
    space = read_space(config, ["learning_rate", "batch_size", "hidden=8,|64,"])
    assert space["learning_rate"] == Range(1e-5, 0.05, log=True)
    assert start_of(space, config) == {"learning_rate": 0.05, "batch_size": "48", "hidden": "64,"}


def test_what_is_typed_is_searched_as_it_is():
    space = read_space(Config(), ["learning_rate=1e-4..5e-4", "batch_size=64,32", "hidden=8,|16,", "n_step=1..5"])
    assert space["learning_rate"] == Range(1e-4, 5e-4)
    assert space["batch_size"] == Choices(("32", "64"))
    assert start_of(space, Config()) == {"n_step": 3}
    assert space == read_space(
        Config(), ["n_step=1..5", "hidden=16,|8,", "batch_size=32,64", "learning_rate=1e-4..5e-4"]
    )


def test_what_optuna_chooses_becomes_settings_that_the_agent_takes():
    space = read_space(Config(), ["learning_rate", "n_step=2..9", "hidden=8|16,16", "double", "clip=0.25,0.5"])
    settings = suggest(Lowest(), space, Config())
    changed = with_settings(Config(), settings)
    assert changed == Config(learning_rate=1e-5, n_step=2, hidden=(16, 16), double=False, clip=0.5)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("gama=0.9..0.99", "Did you mean gamma"),
        ("gamma=0.99..0.9", "the smaller value first"),
        ("batch_size=32,32", "at least two values"),
        ("gamma=0.9", "a range such as LOW..HIGH, or at least two values"),
        ("gamma=low..high", "wrong type"),
        ("double=false..true", "is no number"),
        ("hidden", "give a range or values"),
        ("gamma=0.9..1.5", "gamma = 1.5 is out of range"),
        ("batch_size=0,32", "batch_size = 0 is out of range"),
    ],
)
def test_mistakes_are_named(typed, message):
    with pytest.raises(UserError, match=message):
        read_space(Config(), [typed])


def test_a_hyperparameter_is_searched_once():
    with pytest.raises(UserError, match="gamma is given twice"):
        read_space(Config(), ["gamma=0.9,0.99", "gamma=0.95..0.99"])
