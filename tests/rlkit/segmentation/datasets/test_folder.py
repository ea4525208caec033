import os

import numpy as np
import pytest
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets import folder_reader
from rlkit.segmentation.datasets.bounds import MAX_BATCH
from rlkit.segmentation.datasets.folder import open_folder
from rlkit.segmentation.datasets.folder_reader import DECODE_BYTES, DECODE_MEMORY, decoding_threads, hold_out
from rlkit.segmentation.datasets.io import ImageFiles


def shades(*batches):
    return [shade for batch in batches for shade in batch.images[:, 0, 0, 0].tolist()]


def test_every_pass_shows_each_picture_once_and_in_another_order(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 12, ("val", "b"): 2}), held_out=0.0)
    batches = source.training(4, np.random.default_rng(0))
    passes = [shades(*(next(batches) for _ in range(3))) for _ in range(3)]
    assert [sorted(one) for one in passes] == [list(range(12))] * 3
    assert passes[0] != passes[1] != passes[2]


def test_batches_are_full_even_if_there_are_fewer_pictures(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 3, ("val", "b"): 2}), held_out=0.0)
    assert len(next(source.training(8, np.random.default_rng(0)))) == 8


def test_the_same_generator_gives_the_same_batches(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 9, ("val", "b"): 2}))
    one, other = (source.training(4, np.random.default_rng(7)) for _ in range(2))
    assert all(next(one).names == next(other).names for _ in range(5))


def test_labels_belong_to_their_pictures(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 9, ("val", "b"): 2}))
    batch = next(source.training(8, np.random.default_rng(0)))
    assert batch.labels[:, 0, 0].tolist() == [shade % 11 for shade in shades(batch)]


def test_the_last_images_of_each_sequence_are_held_out_from_training(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 10, ("train", "b"): 20, ("val", "c"): 2}), held_out=0.2)
    selected = shades(*source.selection())
    assert selected == [8, 9, 26, 27, 28, 29]
    batches = source.training(6, np.random.default_rng(0))
    learnt = {shade for _ in range(8) for shade in shades(next(batches))}
    assert learnt == set(range(30)) - set(selected)
    assert source.training_pictures == 24


def test_a_fraction_of_0_holds_out_nothing(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 10, ("val", "c"): 2}), held_out=0.0)
    assert source.training_pictures == 10
    assert list(source.selection()) == []


def test_a_split_is_measured_in_order_with_the_condition_of_each_picture(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 4, ("val", "b"): 18, ("val", "c"): 3}))
    batches = list(source.measured("val"))
    assert shades(*batches) == list(range(4, 25))
    assert [condition for batch in batches for condition in batch.conditions] == ["b"] * 18 + ["c"] * 3
    assert source.splits == ("val",)


def test_without_a_test_split_a_second_block_is_held_out_for_it(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 20}), held_out=0.2)
    measured, selected = (shades(*part) for part in (source.measured("val"), source.selection()))
    assert measured == [16, 17, 18, 19]
    assert selected == [13, 14, 15]
    assert source.training_pictures == 13


def test_pictures_are_brought_to_the_size_that_is_asked_for(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 4, ("val", "b"): 2}, size=(12, 16)), (6, 8))
    batch = next(source.training(2, np.random.default_rng(0)))
    assert batch.images.shape == (2, 6, 8, 3)
    assert batch.labels.shape == (2, 6, 8)
    assert source.size == (6, 8)


def test_pictures_that_do_not_fit_into_memory_are_the_same(make_camvid):
    folder = make_camvid({("train", "a"): 8, ("val", "b"): 2})
    kept, read_again = (open_folder(folder, memory=memory) for memory in (1 << 30, 0))
    one, other = (source.training(4, np.random.default_rng(3)) for source in (kept, read_again))
    for _ in range(6):
        first, second = next(one), next(other)
        assert (first.images == second.images).all()
        assert first.names == second.names


def test_batches_are_copies_which_may_be_written(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 4, ("val", "b"): 2}))
    next(iter(source.measured("val"))).images[:] = 0
    assert shades(next(iter(source.measured("val")))) == [4, 5]


def test_an_unknown_split_is_refused_with_those_that_are_there(make_camvid):
    source = open_folder(make_camvid({("train", "a"): 4, ("val", "b"): 2}))
    with pytest.raises(UserError, match=r"no split 'test': it has val"):
        next(source.measured("test"))


def test_labels_of_another_size_are_refused_before_training(make_camvid, save):
    folder = make_camvid({("train", "a"): 4, ("val", "b"): 2})
    save("trainannot/a_00002.png", np.zeros((5, 5)))
    with pytest.raises(UserError, match=r"a_00002\.png is 16×12 pixels, but its labels"):
        open_folder(folder)


def test_a_damaged_picture_stops_before_the_first_batch(make_camvid):
    folder = make_camvid({("train", "a"): 30, ("val", "b"): 2}, size=(40, 60))
    path = folder / "train" / "a_00011.png"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"a_00011\.png cannot be read"):
        next(open_folder(folder, held_out=0.0).training(2, np.random.default_rng(0)))


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_impossible_share_is_refused(make_camvid, share):
    with pytest.raises(UserError, match="held out"):
        open_folder(make_camvid({("train", "a"): 4}), held_out=share)


def test_a_sequence_of_one_image_is_used_for_training(tmp_path):
    one = ImageFiles(tmp_path / "p", tmp_path / "l")
    assert hold_out([one], 0.5) == ((one,), ())


def test_a_batch_of_gigabytes_is_refused_before_an_image_is_decoded(make_camvid):
    folder = make_camvid({("train", "a"): 2, ("val", "b"): 1}, size=(64, 64))
    source = open_folder(folder)
    for path in (folder / "train").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="Choose smaller pictures"):
        next(source.training(MAX_BATCH // 64**2 + 1, np.random.default_rng(0)))


def test_batches_of_very_large_images_are_smaller(make_camvid, monkeypatch):
    source = open_folder(make_camvid({("train", "a"): 2, ("val", "b"): 7}, size=(30, 40)))
    assert [len(batch) for batch in source.measured("val")] == [7]
    monkeypatch.setattr(folder_reader, "BATCH_PIXELS", 3 * 30 * 40)
    assert [len(batch) for batch in source.measured("val")] == [3, 3, 1]
    monkeypatch.setattr(folder_reader, "BATCH_PIXELS", 1)
    assert [len(batch) for batch in source.measured("val")] == [1] * 7


def test_fewer_threads_decode_very_large_images():
    pixels = DECODE_MEMORY // (3 * DECODE_BYTES)
    assert [decoding_threads(size, 64) for size in (1000, pixels, 10 * pixels)] == [64, 3, 1]


@pytest.mark.parametrize("part", ["train", "trainannot"])
def test_a_pipe_among_the_pictures_is_refused_at_once(part, make_camvid, soon):
    folder = make_camvid({("train", "a"): 2, ("val", "b"): 1})
    pipe = folder / part / "a_00001.png"
    pipe.unlink()
    os.mkfifo(pipe)
    with soon(), pytest.raises(UserError, match=r"a_00001\.png is not a regular file"):
        open_folder(folder)


def test_pictures_and_folders_may_be_links(make_camvid, tmp_path):
    folder = make_camvid({("train", "a"): 2, ("val", "b"): 1})
    (folder / "train").rename(folder / "elsewhere")
    (folder / "train").symlink_to("elsewhere")
    assert open_folder(folder).training_pictures == 1


def with_orientation(folder, orientation, shape=(12, 16)):
    """Gives the pictures of a folder stored turned, with an orientation tag by which they are upright."""
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for path in (folder / "images").iterdir():
        pixels = np.asarray(Image.open(folder / "masks" / path.name)) * 200
        Image.fromarray(pixels).transpose(back).save(path, exif=exif)


@pytest.mark.parametrize("orientation", [3, 6])
def test_pictures_are_upright_in_training_and_evaluation(own, orientation):
    masks = {f"{number}": np.repeat([[0], [0], [1]], 4, axis=0).repeat(16, 1) for number in range(6)}
    folder = own(masks)
    with_orientation(folder, orientation)
    source = open_folder(folder)
    assert source.size == (12, 16)
    for batch in (next(source.training(2, np.random.default_rng(0))), *source.measured("val"), *source.selection()):
        assert ((batch.images[..., 0] > 100) == (batch.labels == 1)).all()
    assert any("6 of 6 pictures have an EXIF orientation" in note for note in source.notes)


def test_masks_of_the_stored_picture_are_refused_where_they_differ_in_size(own):
    folder = own({"a": np.eye(12, 16), "b": np.eye(12, 16)})
    with_orientation(folder, 6)
    for path in (folder / "masks").iterdir():
        Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)
    with pytest.raises(UserError, match=r"same size.*read upright, by its EXIF orientation"):
        open_folder(folder)


def test_jpeg_masks_are_refused_at_the_start(own):
    folder = own({"a": np.eye(12, 16), "b": np.eye(12, 16)})
    Image.open(folder / "masks/b.png").save(folder / "masks/b.jpg")
    (folder / "masks/b.png").unlink()
    with pytest.raises(UserError, match=r"b\.jpg is compressed as a photo"):
        open_folder(folder)


def test_mixed_sizes_are_said(own):
    folder = own({"a": np.eye(12, 16), "b": np.eye(12, 16), "c": np.eye(20, 30)})
    assert open_folder(folder).notes[0].startswith("pictures have 2 sizes: 12×16 (2), 20×30 (1)")
    assert "--size" not in open_folder(folder, (12, 16)).notes[0]


@pytest.mark.parametrize("case", ["exif_90", "exif_180"])
def test_sample_pictures_with_an_orientation_match_their_masks(cases, case):
    source = open_folder(cases / case)
    assert source.size == (72, 96)
    road = [(batch.images.mean(-1)[batch.labels == 1]).std() for batch in source.measured("val")]
    flipped = [(batch.images.mean(-1)[batch.labels[:, ::-1] == 1]).std() for batch in source.measured("val")]
    assert np.mean(road) < np.mean(flipped)  # the road is of one shade


def test_sample_masks_in_jpeg_are_refused(cases):
    with pytest.raises(UserError, match=r"invents classes"):
        open_folder(cases / "mask_jpg")
