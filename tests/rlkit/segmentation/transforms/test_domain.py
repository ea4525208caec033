import numpy as np

from rlkit.segmentation.transforms.domain import blotch, haze, recolour


def grey(count=12, size=(24, 32), shade=100):
    return np.full((count, *size, 3), shade, dtype=np.uint8)


def halves(count=12, size=(24, 32)):
    labels = np.zeros((count, *size), dtype=np.uint8)
    labels[:, size[0] // 2 :] = 1
    return labels


def test_all_pixels_of_a_class_are_recoloured_alike_and_classes_apart():
    images, labels = grey(), halves()
    recolour(images, labels, 1.0, np.random.default_rng(0))
    for picture in images:
        above, below = picture[:12].reshape(-1, 3), picture[12:].reshape(-1, 3)
        assert len(np.unique(above, axis=0)) == len(np.unique(below, axis=0)) == 1
        assert (above[0] != below[0]).any()
    assert (images != 100).any(axis=(1, 2, 3)).all()


def test_the_share_of_pictures_that_change_is_the_one_asked_for():
    for change in (lambda images: recolour(images, halves(400, (4, 4)), 0.3, np.random.default_rng(1)),
                   lambda images: haze(images, 0.3, np.random.default_rng(1)),
                   lambda images: blotch(images, halves(400, (4, 4)), 0.3, np.random.default_rng(1))):  # fmt: skip
        images = grey(400, (4, 4))
        change(images)
        assert 0.2 < (images != 100).any(axis=(1, 2, 3)).mean() < 0.36


def test_haze_is_thickest_above_and_thins_out_downwards():
    images = grey(200, shade=10)
    haze(images, 1.0, np.random.default_rng(0))
    moved = np.abs(images.astype(float) - 10).mean(axis=(2, 3))
    assert (np.diff(moved, axis=1) <= 1e-9).all()
    assert moved[:, 0].mean() > 4 * moved[:, -1].mean()


def test_blotches_lie_on_the_ground_only_and_are_of_one_colour():
    images = grey(60)
    blotch(images, np.zeros_like(images[..., 0]), 1.0, np.random.default_rng(0))
    assert (images[:, :7] == 100).all()
    for picture in images:
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) <= 2
    covered = (images[:, 14:] != 100).any(axis=-1).mean(axis=(1, 2))
    assert covered.min() < 0.2 < 0.7 < covered.max() < 1.0


def test_every_class_is_covered_by_blotches_in_a_share_of_its_own():
    images = grey(60, size=(48, 64))
    labels = np.zeros((60, 48, 64), dtype=np.uint8)
    labels[:, :, 32:] = 1
    blotch(images, labels, 1.0, np.random.default_rng(0))
    covered = (images[:, 30:] != 100).any(axis=-1).reshape(60, 18, 2, 32).mean(axis=(1, 3))
    assert np.abs(covered[:, 0] - covered[:, 1]).max() > 0.5


def test_a_probability_of_0_changes_nothing():
    images = grey()
    recolour(images, halves(), 0.0, np.random.default_rng(0))
    haze(images, 0.0, np.random.default_rng(0))
    blotch(images, halves(), 0.0, np.random.default_rng(0))
    assert (images == 100).all()
