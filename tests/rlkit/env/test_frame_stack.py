import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rlkit.env.frame_stack import default_frame_stack, push_frame, repeat_frame, stacked
from rlkit.spaces import Leaf, Spaces


def unstacked(**shapes: tuple[int, ...]) -> Spaces:
    leaves = {name: Leaf(name, shape, "uint8" if len(shape) == 3 else "float32") for name, shape in shapes.items()}
    return Spaces(leaves, ("go",))


def test_frames_are_stacked_where_nothing_else_shows_motion():
    assert default_frame_stack(unstacked(view=(84, 84, 1))) == 4
    assert default_frame_stack(unstacked(view=(84, 84, 3))) == 4
    assert default_frame_stack(unstacked(view=(84, 84, 1), state=(3,))) == 1
    assert default_frame_stack(unstacked(state=(3,))) == 1
    assert default_frame_stack(unstacked(view=(84, 84, 4))) == 1


def test_only_pictures_are_stacked():
    assert stacked(Leaf("view", (8, 8, 3), "uint8"), 4) == Leaf("view", (8, 8, 12), "uint8", 4)
    assert stacked(Leaf("state", (3,), "float32"), 4) == Leaf("state", (3,), "float32")


@settings(max_examples=60)
@given(
    frames=st.integers(1, 5),
    channels=st.integers(1, 3),
    length=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_stack_holds_the_latest_frames_newest_last(frames, channels, length, seed):
    episode = np.random.default_rng(seed).integers(0, 256, (length, 2, 3, 2, channels), np.uint8)
    stack = repeat_frame(episode[0], frames)
    for frame in episode[1:]:
        before = stack.copy()
        pushed = push_frame(stack, frame)
        assert np.array_equal(stack, before)  # what was given out is left alone
        stack = pushed
    padded = [episode[0]] * (frames - 1) + list(episode)
    assert np.array_equal(stack, np.concatenate(padded[-frames:], axis=-1))
