import numpy as np
import pytest
from gymnasium import spaces

from rlkit.env.leaf_rules import convert, leaf_rules, left_out
from rlkit.errors import DescribedError, UserError


def leaves_of(space: spaces.Space) -> dict[str, tuple[tuple[int, ...], str]]:
    return {rule.leaf.name: (rule.leaf.shape, rule.leaf.dtype) for rule in leaf_rules(space)}


def picture_space(*shape: int, high: float = 255, dtype: type = np.uint8) -> spaces.Box:
    return spaces.Box(0, high, shape, dtype)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((48, 64), (48, 64, 1)),
        ((96, 96, 3), (96, 96, 3)),
        ((3, 96, 96), (96, 96, 3)),
        ((4, 84, 84), (84, 84, 4)),
        ((3, 96, 128), (96, 128, 3)),
        ((96, 128, 3), (96, 128, 3)),
        ((8, 8, 111), (8, 8, 111)),
        ((111, 8, 8), (8, 8, 111)),
        ((5, 5, 5), (5, 5, 5)),
    ],
)
def test_pictures_of_any_size_become_channel_last(shape, expected):
    assert leaves_of(picture_space(*shape)) == {"observation": (expected, "uint8")}


def test_channel_first_pixels_keep_their_place():
    pixels = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    out = convert(leaf_rules(picture_space(3, 4, 5)), pixels, 2)["observation"]
    assert out.shape == (2, 4, 5, 3)
    assert out[1, 2, 3, 0] == pixels[1, 0, 2, 3]


def test_float_pictures_with_bounds_are_brought_to_bytes():
    space = spaces.Box(-1.0, 1.0, (8, 8, 3), np.float32)
    batch = np.full((1, 8, 8, 3), -1.0, np.float32)
    batch[0, 0, 0] = [1.0, 0.0, 7.0]
    out = convert(leaf_rules(space), batch, 1)["observation"]
    assert out.dtype == np.uint8
    assert out[0, 0, 0].tolist() == [255, 128, 255]
    assert out[0, 1, 1].tolist() == [0, 0, 0]


def test_boolean_planes_become_black_and_white():
    space = spaces.Box(0, 1, (10, 10, 4), np.bool_)
    out = convert(leaf_rules(space), np.ones((1, 10, 10, 4), np.bool_), 1)["observation"]
    assert out.dtype == np.uint8
    assert (out == 255).all()


def test_vectors_of_any_dtype_and_shape_become_flat_float32():
    for dtype in (np.float64, np.float32, np.int16, np.int64):
        space = spaces.Box(-5, 5, (2, 3), dtype)
        out = convert(leaf_rules(space), np.full((4, 2, 3), 2, dtype), 4)["observation"]
        assert out.dtype == np.float32
        assert out.shape == (4, 6)
        assert (out == 2).all()


def test_a_scalar_box_is_a_vector_of_one():
    assert leaves_of(spaces.Box(0.0, 1.0, (), np.float32)) == {"observation": ((1,), "float32")}


def test_bytes_in_a_vector_are_divided_by_255():
    out = convert(leaf_rules(picture_space(128)), np.full((1, 128), 255, np.uint8), 1)["observation"]
    assert (out == 1.0).all()


def test_discrete_observations_are_one_hot_whatever_their_start():
    out = convert(leaf_rules(spaces.Discrete(3, start=-1)), np.array([-1, 1]), 2)["observation"]
    assert out.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_each_part_of_a_multidiscrete_observation_is_one_hot():
    out = convert(leaf_rules(spaces.MultiDiscrete([2, 3])), np.array([[1, 2], [0, 0]]), 2)["observation"]
    assert out.tolist() == [[0, 1, 0, 0, 1], [1, 0, 1, 0, 0]]


def test_bits_become_floats():
    out = convert(leaf_rules(spaces.MultiBinary(3)), np.array([[1, 0, 1]], np.int8), 1)["observation"]
    assert out.dtype == np.float32
    assert out.tolist() == [[1, 0, 1]]


def test_a_category_outside_of_its_space_is_an_error_of_the_environment():
    with pytest.raises(UserError, match="Environment 1 gave 5") as caught:
        convert(leaf_rules(spaces.Discrete(3)), np.array([0, 5]), 2)
    assert caught.value.exit_code == 1


def test_nested_parts_are_named_by_their_path():
    space = spaces.Dict(
        {"camera": picture_space(8, 8, 3), "car": spaces.Tuple((spaces.Discrete(2), spaces.Box(-1, 1, (3,))))}
    )
    assert leaves_of(space) == {
        "camera": ((8, 8, 3), "uint8"),
        "car.0": ((2,), "float32"),
        "car.1": ((3,), "float32"),
    }
    batch = {"camera": np.zeros((1, 8, 8, 3), np.uint8), "car": (np.array([1]), np.ones((1, 3), np.float32))}
    out = convert(leaf_rules(space), batch, 1)
    assert out["car.0"].tolist() == [[0, 1]]
    assert out["car.1"].tolist() == [[1, 1, 1]]


def test_two_parts_with_one_name_are_refused():
    vector = spaces.Box(-1, 1, (1,))
    with pytest.raises(UserError, match=r"both called 'a\.b'"):
        leaf_rules(spaces.Dict({"a.b": vector, "a": spaces.Dict({"b": vector})}))


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (spaces.Text(5), "'observation' is a Text space"),
        (spaces.Dict({"mission": spaces.Text(5)}), r"nothing but text \(mission\)"),
        (spaces.Sequence(spaces.Discrete(2)), "Sequence"),
        (spaces.Graph(spaces.Discrete(2), None), "Graph"),
        (spaces.Box(0, 1, (0,)), "nothing in it"),
        (spaces.Box(0, 1, (2, 2, 2, 2)), r"\(2, 2, 2, 2\)"),
        (spaces.Box(-np.inf, np.inf, (8, 8, 3)), "finite bounds"),
        (spaces.Dict({}), "empty"),
        (spaces.Discrete(1_000_000), "1,000,000 categories"),
    ],
)
def test_what_no_network_reads_is_refused_by_name(space, said):
    with pytest.raises(UserError, match=said):
        leaf_rules(space)


class Mission(spaces.Space[str]):
    """Text in a space of its own kind, as MiniGrid's."""

    def __init__(self):
        super().__init__(dtype=str)


def test_text_beside_other_parts_is_left_out_and_named():
    inner = spaces.Tuple((spaces.Box(0, 1, (1,)), Mission()))
    space = spaces.Dict({"mission": spaces.Text(5), "direction": spaces.Discrete(4), "seen": inner})
    assert set(leaves_of(space)) == {"direction", "seen.0"}
    assert left_out(space) == ("mission", "seen.1")
    batch = {"mission": ("go", "stop"), "direction": np.array([0, 3]), "seen": (np.zeros((2, 1)), ("a", "b"))}
    assert convert(leaf_rules(space), batch, 2)["direction"].argmax(axis=1).tolist() == [0, 3]


def test_an_observation_of_another_shape_than_promised_is_refused():
    with pytest.raises(UserError, match=r"\(2, 4\).*promises \(2, 3\)"):
        convert(leaf_rules(spaces.Box(-1, 1, (3,))), np.zeros((2, 4)), 2)


@pytest.mark.parametrize("space", [picture_space(4, 4, 3), picture_space(1, 4, 4), picture_space(4, 4)])
def test_what_is_given_out_shares_no_memory_with_what_came_in(space):
    batch = np.zeros((2, *space.shape), np.uint8)
    assert not np.may_share_memory(convert(leaf_rules(space), batch, 2)["observation"], batch)


def test_fresh_leaves_pass_without_a_copy():
    batch = {"state": np.zeros((2, 3), np.float32), "view": np.zeros((2, 8, 8, 1), np.uint8)}
    space = spaces.Dict({"state": spaces.Box(-1, 1, (3,)), "view": picture_space(8, 8, 1)})
    out = convert(leaf_rules(space), batch, 2, fresh=True)
    assert out["state"] is batch["state"]
    assert out["view"] is batch["view"]


def test_labels_are_kept_from_agents():
    space = spaces.Dict(
        {"camera": spaces.Box(0, 255, (8, 8, 3), np.uint8), "truth": spaces.Box(0, 3, (8, 8), np.uint8)}
    )
    assert [rule.leaf.name for rule in leaf_rules(space, ("truth",))] == ["camera"]
    assert {rule.leaf.name for rule in leaf_rules(space)} == {"camera", "truth"}


def test_channels_of_different_range_are_scaled_each_by_its_own():
    low, high = np.zeros((4, 4, 2), np.float32), np.ones((4, 4, 2), np.float32)
    high[..., 1] = 1000.0  # depth beside a mask
    image = np.stack([np.full((4, 4), 0.5), np.full((4, 4), 250.0)], axis=-1).astype(np.float32)[np.newaxis]
    (rule,) = leaf_rules(spaces.Box(low, high, dtype=np.float32))
    assert convert((rule,), image, 1)["observation"][0, 0, 0].tolist() == [128, 64]
    assert "per channel" in rule.note
    first = np.moveaxis(image, -1, 1)
    channels_first = leaf_rules(spaces.Box(np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0), dtype=np.float32))
    assert convert(channels_first, first, 1)["observation"][0, 0, 0].tolist() == [128, 64]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_that_is_not_finite_is_refused_with_its_environment(value):
    batch = np.zeros((3, 4, 4, 1), np.float32)
    batch[2, 1, 1, 0] = value
    with pytest.raises(DescribedError, match="not a finite number") as raised:
        convert(leaf_rules(spaces.Box(0, 1, (4, 4, 1), np.float32)), batch, 3)
    assert raised.value.index == 2


def test_an_image_beyond_its_bounds_is_reported_and_rounding_is_not():
    reported = []
    rules = leaf_rules(spaces.Box(0, 1, (4, 4, 1), np.float32))
    batch = np.full((2, 4, 4, 1), 1.0 + 1e-6, np.float32)
    convert(rules, batch, 2, on_clip=lambda *said: reported.append(said))
    assert reported == []
    batch[1] = 255.0
    convert(rules, batch, 2, on_clip=lambda *said: reported.append(said))
    assert reported == [("observation", 1, "255 in the observation 'observation' is clipped to 0 to 1")]


def test_an_image_without_bounds_needs_image_bounds():
    space = spaces.Box(-np.inf, np.inf, (4, 4, 2), np.float32)
    with pytest.raises(UserError, match=r"needs finite bounds.*image_bounds=LOW,HIGH"):
        leaf_rules(space)
    rules = leaf_rules(space, image_bounds=(-1.0, 1.0))
    batch = np.stack([np.full((4, 4, 2), value, np.float32) for value in (-1.0, 0.0, 1.0)])
    assert convert(rules, batch, 3)["observation"][:, 0, 0, 0].tolist() == [0, 128, 255]
    bounded = spaces.Box(0, 4, (4, 4, 2), np.float32)
    assert convert(leaf_rules(bounded, image_bounds=(-1.0, 1.0)), batch[2:], 1)["observation"][0, 0, 0, 0] == 64
