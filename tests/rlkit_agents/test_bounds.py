"""Every numeric hyperparameter has bounds, and combinations that would exhaust memory are refused before allocation."""

import dataclasses
import typing
from typing import Any

import pytest
from rlkit_agents.dqn.config import DQNConfig
from rlkit_agents.pqn.config import PQNConfig

from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain
from rlkit.spaces import Leaf, Spaces

NUMBERS = [
    (kind, field.name)
    for kind in (DQNConfig, PQNConfig)
    for field in dataclasses.fields(kind)
    if {int, float}
    & {*typing.get_args(typing.get_type_hints(kind)[field.name]), typing.get_type_hints(kind)[field.name]}
]


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_every_number_has_a_lowest_and_a_highest_value(kind: Any, name: str) -> None:
    notes = kind.__dataclass_fields__[name].metadata
    assert notes["low"] is not None
    assert notes["high"] is not None


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300, True, "1", [[1]], {}])
def test_a_value_that_is_no_number_within_bounds_is_refused(kind: Any, name: str, value: Any) -> None:
    several = typing.get_origin(typing.get_type_hints(kind)[name]) is tuple
    with pytest.raises(UserError, match=name):
        from_plain(kind, {name: [value] if several else value})


@pytest.mark.parametrize(
    ("kind", "plain", "said"),
    [
        (DQNConfig, {"hidden": [16_384] * 2}, "layers"),
        (DQNConfig, {"hidden": [1] * 33}, "33 layers"),
        (DQNConfig, {"hidden": [16_384], "dueling_hidden": [16_384]}, "2 layers of up to 16384"),
        (DQNConfig, {"distribution": "quantile", "num_quantiles": 1_000, "batch_size": 512}, "pairs of numbers"),
        (DQNConfig, {"distribution": "categorical", "num_atoms": 1_000, "batch_size": 512}, "pairs of numbers"),
        (DQNConfig, {"distribution": "implicit", "num_quantiles": 1_000, "batch_size": 256}, "num_quantiles = 1000"),
        (DQNConfig, {"num_quantiles": 10**9}, "num_quantiles"),
        (DQNConfig, {"buffer_size": 10**12}, "buffer_size"),
        (PQNConfig, {"hidden": [16_384] * 2}, "268,435,456 weights"),
        (PQNConfig, {"rollout_steps": 10**9}, "rollout_steps"),
        (PQNConfig, {"minibatches": 10**9}, "minibatches"),
    ],
)
def test_combinations_that_would_exhaust_memory_are_refused(kind: Any, plain: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        from_plain(kind, plain)


def spaces_of(shape: tuple[int, ...], num_actions: int) -> Spaces:
    return Spaces({"seen": Leaf("seen", shape, "uint8")}, tuple(map(str, range(num_actions))))


def test_a_batch_of_large_images_is_refused() -> None:
    config = from_plain(DQNConfig, {"batch_size": 256})
    config.check_for(spaces_of((84, 84, 4), 18))
    with pytest.raises(UserError, match=r"batch_size = 256: .* use batch_size=85"):
        config.check_for(spaces_of((1024, 1024, 6), 18))


def test_a_head_of_too_many_weights_is_refused() -> None:
    wide = {"distribution": "quantile", "num_quantiles": 500, "hidden": [1024], "batch_size": 32}
    config = from_plain(DQNConfig, wide)
    config.check_for(spaces_of((8,), 18))
    with pytest.raises(UserError, match="512 actions of 500 outputs each, from a layer of 1024"):
        config.check_for(spaces_of((8,), 512))


def test_presets_are_far_from_the_bounds() -> None:
    from rlkit_agents.dqn.presets import PRESETS

    spaces = spaces_of((84, 84, 4), 18)
    for preset in PRESETS.values():
        for steps in (1_000, 10**12):
            config = preset(spaces, steps)
            from_plain(DQNConfig, dataclasses.asdict(config)).check_for(spaces)


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (DQNConfig, {"hidden": [2] * 32}),
        (DQNConfig, {"hidden": [16_384, 8_192]}),
        (DQNConfig, {"distribution": "quantile", "num_quantiles": 1_000, "batch_size": 268}),
        (DQNConfig, {"distribution": "implicit", "num_quantiles": 512, "batch_size": 256}),
        (PQNConfig, {"hidden": [2] * 32}),
        (PQNConfig, {"hidden": [16_384, 8_192]}),
        (PQNConfig, {"learning_rate": 1e-3, "learning_rate_final": 1e-3}),
    ],
)
def test_the_largest_combinations_are_allowed(kind: Any, plain: dict[str, Any]) -> None:
    from_plain(kind, plain)


@pytest.mark.parametrize(
    ("kind", "plain", "said"),
    [
        (DQNConfig, {"hidden": [16_384, 8_193]}, "2 layers of up to 16384"),
        (DQNConfig, {"distribution": "quantile", "num_quantiles": 1_000, "batch_size": 269}, "pairs of numbers"),
        (
            DQNConfig,
            {"distribution": "implicit", "num_target_quantiles": 512, "batch_size": 257},
            "num_target_quantiles = 512",
        ),
        (PQNConfig, {"hidden": [1] * 33}, "33 layers"),
        (PQNConfig, {"hidden": [16_384, 8_193]}, "weights"),
        (PQNConfig, {"learning_rate": 1e-3, "learning_rate_final": 2e-3}, "learning_rate_final"),
    ],
)
def test_the_next_larger_combinations_are_refused(kind: Any, plain: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        from_plain(kind, plain)


def test_a_head_without_a_dense_layer_is_limited_by_its_outputs() -> None:
    bare = {"distribution": "quantile", "num_quantiles": 1_000, "hidden": [], "noisy": False, "batch_size": 32}
    config = from_plain(DQNConfig, bare)
    config.check_for(spaces_of((8,), 4_096))
    streams = from_plain(DQNConfig, bare | {"dueling_hidden": [512]})
    with pytest.raises(UserError, match="from a layer of 512"):
        streams.check_for(spaces_of((8,), 4_096))


def test_the_batch_that_is_suggested_fits() -> None:
    spaces = spaces_of((1024, 1024, 4), 18)  # 4 MB
    from_plain(DQNConfig, {"batch_size": 128}).check_for(spaces)
    with pytest.raises(UserError, match="use batch_size=128"):
        from_plain(DQNConfig, {"batch_size": 129}).check_for(spaces)
