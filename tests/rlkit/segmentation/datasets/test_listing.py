"""Folders as users have them: names of splits, hidden folders, loose pictures, forms of names."""

import unicodedata

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.config import plan
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.folder import open_folder

MASK = np.repeat([[0, 1]], 12, axis=0).repeat(8, axis=1)


def masks(*names):
    return dict.fromkeys(names, MASK)


def begin(folder):
    return plan(folder, network="tiny", steps=2)


@pytest.mark.parametrize(
    ("given", "split"),
    [
        *(("training", "train"), ("Train", "train"), ("TRAINING", "train")),
        *(("validation", "val"), ("Val", "val"), ("valid", "val"), ("testing", "test"), ("TEST", "test")),
        *(("Selection", "selection"), ("Night", "Night")),
    ],
)
def test_splits_have_many_names(own, given, split):
    dataset = read_dataset(own(masks(f"{given}/a", "other/b")))
    assert split in {*dataset.splits, *(["selection"] if dataset.selection else [])}


def test_training_and_validation_are_trained_on_and_measured_and_said(own):
    folder = own(masks(*(f"Training/{n}" for n in range(4)), "validation/v"))
    (folder / "masks/Training").rename(folder / "masks/train")  # the capitals of masks may differ
    begun = begin(folder)
    assert begun.source.splits == ("val",)
    assert begun.config.pictures == 3
    assert any("Training as train, validation as val" in note for note in begun.notes)


def test_two_folders_of_one_split_are_refused(own):
    with pytest.raises(UserError, match=r"are both the split train"):
        read_dataset(own(masks("train/a", "Training/b")))


def test_a_test_split_alone_is_measured_but_not_trained_on(own):
    folder = own(masks("test/a", "test/b"))
    assert len(next(open_folder(folder).measured("test"))) == 2
    with pytest.raises(UserError, match=r"has no pictures to train on, only test: expected a split called train"):
        begin(folder)


@pytest.mark.parametrize("names", [("a", "b", "night/c"), ("train/a", "val/b", "overview")])
def test_pictures_beside_folders_are_refused(own, names):
    with pytest.raises(UserError, match=r"images holds \d pictures .* beside its folders .*images/train"):
        read_dataset(own(masks(*names)))


def test_pictures_deeper_in_a_split_are_refused(own):
    with pytest.raises(UserError, match=r"train holds 1 pictures beside folders with pictures \(night\)"):
        read_dataset(own(masks("train/a", "train/night/b", "val/c")))


def test_a_split_whose_pictures_lie_deeper_is_refused(own):
    with pytest.raises(UserError, match=r"train holds no pictures itself, but folders with pictures \(night\)"):
        read_dataset(own(masks("train/night/b", "val/c")))


def test_masks_of_a_split_without_pictures_are_refused(own, save):
    folder = own(masks("train/a"))
    save("masks/val/b.png", MASK)
    with pytest.raises(UserError, match=r"images/val is missing: there are masks for it"):
        read_dataset(folder)


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", "@eaDir", "__MACOSX", ".Trash"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_hidden_folders_and_files_are_passed_over(own, save, picture, hidden, split):
    folder = own(masks(f"{split}a", f"{split}b"))
    save(f"images/{hidden}/a-checkpoint.png", picture())
    save(f"images/{split}{hidden}/a-checkpoint.png", picture())
    (folder / f"masks/{split}._a.png").write_bytes(b"resource fork")
    assert [one.name for one in read_dataset(folder).splits["train"]] == ["a", "b"]


def test_pictures_whose_names_begin_with_a_sign_count(own):
    names = ["#1", "$2", "@3", "~4"]
    assert [one.name for one in read_dataset(own(masks(*names))).splits["train"]] == names


@pytest.mark.parametrize(("first", "second"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_forms_of_a_name_in_unicode_are_one(own, first, second):
    folder = own(masks(*(unicodedata.normalize(first, f"{split}/Straße-Köln-{split}") for split in ("train", "süd"))))
    for path in sorted((folder / "masks").rglob("*"), reverse=True):
        path.rename(path.with_name(unicodedata.normalize(second, path.name)))
    name = unicodedata.normalize(second, "Straße-Köln-train")
    (folder / "conditions.json").write_text(f'{{"{name}": "rain"}}')
    dataset = read_dataset(folder)
    assert dataset.splits["train"][0].condition == "rain"
    assert unicodedata.normalize("NFC", "süd") in dataset.splits


def test_camvids_folders_may_have_other_capitals_and_a_test_split_alone(make_camvid):
    folder = make_camvid({("test", "a"): 4})
    for name in ("test", "testannot"):
        (folder / name).rename(folder / name.replace("test", "Testing").replace("annot", "Annot"))
    assert list(read_dataset(folder).splits) == ["test"]


def test_stray_pictures_beside_cities_are_refused(save, picture, tmp_path):
    name = "{0}/train/{1}aachen_000000_000019_{2}.png"
    save(name.format("leftImg8bit", "aachen/", "leftImg8bit"), picture())
    save(name.format("gtFine", "aachen/", "gtFine_labelIds"), np.full((12, 16), 7))
    (tmp_path / "leftImg8bit/train/.ipynb_checkpoints").mkdir()
    assert len(read_dataset(tmp_path).splits["train"]) == 1
    save(name.format("leftImg8bit", "", "leftImg8bit"), picture())
    with pytest.raises(UserError, match="beside its cities"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(("count", "sentence"), [(1, "only 1 picture to train on, and none"), (2, "only 1 picture to")])
def test_one_or_two_pictures_are_said(own, count, sentence):
    begun = begin(own(masks(*map(str, range(count)))))
    assert any(sentence in note for note in begun.notes)
    assert begun.source.splits == (("val",) if count == 2 else ("train",))
    assert len(next(begun.source.measured(begun.source.splits[0]))) == 1


@pytest.mark.parametrize(("case", "counts"), [("jupyter", {"train": 24}), ("splits_training", {"train": 8, "val": 8})])
def test_sample_folders_are_read(cases, case, counts):
    assert {split: len(files) for split, files in read_dataset(cases / case).splits.items()} == counts


def test_sample_pictures_beside_a_folder_are_refused(cases):
    with pytest.raises(UserError, match=r"14 pictures .* beside its folders \(night\)"):
        read_dataset(cases / "stray_top")
