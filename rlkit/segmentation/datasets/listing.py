"""The files and folders of a data set: which count, what splits are called, which labels belong to which image."""

import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from rlkit.errors import UserError
from rlkit.segmentation.datasets.io import PICTURE_ENDINGS

TRAIN, VAL, TEST = "train", "val", "test"
_SPLITS = {
    "training": TRAIN,
    "trn": TRAIN,
    "validation": VAL,
    "valid": VAL,
    "testing": TEST,
    "tst": TEST,
    **{name: name for name in (TRAIN, VAL, TEST, "selection")},
}
_LEFT_BEHIND = {"__macosx", "__pycache__", "lost+found", "#recycle", "#snapshot", "$recycle.bin"}


def is_hidden(name: str) -> bool:
    """Whether a file of this name is hidden, such as `._photo.jpg`, which an archive leaves behind."""
    return name.startswith(".")


def is_hidden_folder(name: str) -> bool:
    """Whether a folder of this name belongs to an editor, a network drive or an archive.

    Such as `.ipynb_checkpoints`, `@eaDir` and `__MACOSX`.
    """
    return name.startswith((".", "@")) or name.casefold() in _LEFT_BEHIND


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC), since file systems and archives use either."""
    return unicodedata.normalize("NFC", name)


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden_folder(path.name))


def split_of(name: str) -> str:
    """The split that a folder's name means: train, val and test in any capitals, also training, validation, testing."""
    return _SPLITS.get(name.casefold(), composed(name))


def split_folders(folder: Path) -> dict[str, Path]:
    """Folders by the split that their name means, sorted by split.

    Raises:
        UserError: Two folders are of one split.
    """
    found: dict[str, Path] = {}
    for path in folders_in(folder):
        other = found.setdefault(split_of(path.name), path)
        if other is not path:
            raise UserError(f"{other} and {path} are both the split {split_of(path.name)}: merge or rename one.")
    return dict(sorted(found.items()))


def renamed_splits(splits: Mapping[str, Path]) -> tuple[str, ...]:
    """A remark about folders that are read as splits of another name."""
    others = [f"{path.name} as {split}" for split, path in splits.items() if composed(path.name) != split]
    return (f"folders are read as splits: {', '.join(others)}",) if others else ()


def loose_pictures(folder: Path, ending: str = "") -> list[Path]:
    """The image files directly in a folder whose stem ends with `ending`, without hidden ones, sorted by name."""
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if _is_picture(entry, ending))


def pictures_in(folder: Path, ending: str = "") -> list[Path]:
    """List the image files of a folder whose stem ends with `ending`, sorted by name.

    Raises:
        UserError: There are none, or some lie in folders within it.
    """
    found = loose_pictures(folder, ending)
    deeper = [path.name for path in folders_in(folder) if loose_pictures(path, ending)]
    if deeper:
        beside = f"{len(found)} pictures beside" if found else "no pictures itself, but"
        raise UserError(
            f"{folder} holds {beside} folders with pictures ({', '.join(deeper[:4])}), which would be left out: move "
            "all into one folder."
        )
    if not found:
        named = f" whose names end in {ending}" if ending else ""
        raise UserError(f"{folder} holds no pictures{named} ({', '.join(PICTURE_ENDINGS)}).")
    return found


def matched(
    pictures: Iterable[Path],
    labels: Iterable[Path],
    picture_key: Callable[[Path], str] = lambda path: path.stem,
    label_key: Callable[[Path], str] = lambda path: path.stem,
) -> list[tuple[Path, Path]]:
    """Match images with labels by name, in the order of the images. Forms of one name in Unicode are equal.

    Args:
        pictures: Image files.
        labels: Label files.
        picture_key: Key of an image; by default its stem.
        label_key: Key of a label file.

    Raises:
        UserError: An image lacks its labels, labels lack their image, or two files have the same key.
    """
    by_key, partners = _by_key(pictures, picture_key), _by_key(labels, label_key)
    for ours, theirs, kind, lacking in (
        (by_key, partners, "picture", "labels"),
        (partners, by_key, "label file", "picture"),
    ):
        missing = sorted(ours.keys() - theirs.keys())
        if missing:
            more = f" ({len(missing) - 1} more lack theirs)" if len(missing) > 1 else ""
            raise UserError(
                f"The {kind} {ours[missing[0]]} has no {lacking}: pictures and labels are matched by name.{more}"
            )
    return [(path, partners[key]) for key, path in by_key.items()]


def _by_key(paths: Iterable[Path], key: Callable[[Path], str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(composed(key(path)), path)
        if other is not path:
            raise UserError(f"{other} and {path} have the same name: remove one of them.")
    return found


def _is_picture(entry: os.DirEntry[str], ending: str) -> bool:
    name = Path(entry.name)
    known = name.suffix.lower() in PICTURE_ENDINGS and name.stem.endswith(ending)
    return known and not is_hidden(entry.name) and not entry.is_dir()
