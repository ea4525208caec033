import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rlkit_agents.dqn.augmentation import random_intensity, random_shift, shift, shift_batch, vary_intensity

from rlkit.replay import Batch


@given(
    down=st.integers(-6, 6),
    right=st.integers(-6, 6),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4, 8])),
)
def test_a_shift_is_a_crop_of_the_padded_image(down, right, shape):
    """Yarats et al. 2021: pad by repeating the border, then crop."""
    image = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    padded = np.pad(image, ((6, 6), (6, 6), (0, 0)), mode="edge")
    expected = padded[6 + down :, 6 + right :][: shape[0], : shape[1]]
    ours = shift(torch.from_numpy(image[None]), torch.tensor([[down]]), torch.tensor([[right]]))
    np.testing.assert_array_equal(ours[0], expected)


def test_each_image_has_its_own_shift_and_all_shifts_occur():
    places = torch.arange(49, dtype=torch.uint8).view(1, 7, 7, 1).expand(2_000, 7, 7, 1)
    centres = random_shift(places, 2, torch.Generator().manual_seed(0))[:, 3, 3, 0]
    rows, columns = centres // 7, centres % 7
    assert set(rows.tolist()) == set(columns.tolist()) == {1, 2, 3, 4, 5}
    assert torch.bincount((rows - 1) * 5 + columns - 1).min() > 40  # 80 each are expected


def test_frames_of_a_stack_move_together_and_the_input_is_unchanged():
    frame = torch.arange(25, dtype=torch.uint8).view(1, 5, 5, 1)
    stack = frame.expand(1, 5, 5, 4).contiguous()
    before = stack.clone()
    out = random_shift(stack, 2, torch.Generator().manual_seed(3))
    assert (out == out[..., :1]).all()
    assert torch.equal(stack, before)


def test_images_of_both_states_are_shifted_independently_and_anew_in_every_batch():
    """Yarats et al. 2021 draw the shifts of s and s' at every update."""
    places = torch.arange(49, dtype=torch.uint8).view(1, 7, 7, 1).expand(64, 7, 7, 1)
    one = torch.ones(64)
    leaves = {"view": places, "speed": torch.zeros(64, 2)}
    still = Batch(leaves, one.long(), one, one, leaves, np.arange(64), one)
    generator = torch.Generator().manual_seed(0)
    centres = []
    for _ in range(3):
        shifted = shift_batch(still, 2, generator)
        centres += [each["view"][:, 3, 3, 0].tolist() for each in (shifted.observations, shifted.next_observations)]
        assert torch.equal(shifted.next_observations["speed"], leaves["speed"])
    assert len({tuple(each) for each in centres}) == 6
    agreement = np.corrcoef(np.array(centres)) - np.eye(6)
    assert np.abs(agreement).max() < 0.5


def test_intensity_is_one_factor_per_image_normal_and_clipped():
    """Yarats et al. 2021: s · (1 + 0.05 r), r clipped to ±2."""
    images = torch.full((4_000, 2, 2, 3), 200, dtype=torch.uint8)
    varied = random_intensity(images, 0.05, torch.Generator().manual_seed(0))
    factors = varied[:, 0, 0, 0] / 200
    assert torch.equal(varied, varied[:, :1, :1, :1].expand(4_000, 2, 2, 3))
    assert factors.min().item() == pytest.approx(0.9)
    assert factors.max().item() == pytest.approx(1.1)
    assert factors.mean().item() == pytest.approx(1, abs=0.003)
    assert factors.std().item() == pytest.approx(0.05 * 0.96, abs=0.002)


def test_the_intensity_of_both_states_differs():
    places = torch.full((8, 3, 3, 1), 100, dtype=torch.uint8)
    one = torch.ones(8)
    leaves = {"view": places, "speed": torch.zeros(8, 2)}
    generator = torch.Generator().manual_seed(0)
    varied = vary_intensity(Batch(leaves, one.long(), one, one, leaves, np.arange(8), one), 0.05, generator)
    assert not torch.equal(varied.observations["view"], varied.next_observations["view"])
    assert varied.observations["speed"] is leaves["speed"]
