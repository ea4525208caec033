"""Captioners in `rlkit perception`: the data sets of sentences by name, and evaluation."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlkit.cli.options import check_result_target, print_line, write_result
from rlkit.cli.perception.evaluate import unknown_data
from rlkit.cli.perception.reporting import shown, shown_text, with_splits
from rlkit.cli.perception.sheet import write_sheet
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.captioning.captioner import CaptionerCard
    from rlkit.captioning.datasets.base import CaptionDataset

RESULT = frozenset({"model", "parameters", "pictures", "bleu4"})  # keys of its JSON
SENTENCES = 6  # that `predict` writes


def open_sentences(
    data: str | Path,
    *,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    held_out: float = 0.1,
    language: str | None = None,
    pictures: int | None = None,
    allow_code: bool = True,
) -> "CaptionDataset":
    """Open a folder with captions, or for `sim` the commentary of the driving simulator.

    Args:
        data: `sim` or a folder.
        size: Height and width of the pictures; only for a folder.
        seed: Of the simulator's validation and test examples.
        env_kwargs: Refused: the commentary has an environment of its own.
        held_out: As in `open_captions`.
        language: Of the commentary, "en" if not given.
        pictures: Number of examples in each test split of the simulator.
        allow_code: As in `open_captions`.

    Raises:
        UserError: There are no such data, or an option does not apply.
    """
    from rlkit.captioning.datasets import open_captions
    from rlkit.segmentation.datasets import is_simulator

    if not is_simulator(data):
        return open_captions(data, size=size, env_kwargs=env_kwargs, held_out=held_out, language=language)
    if str(data) != "sim":
        raise UserError(f"--data {data}: sentences are known of sim, the driving simulator, or of a folder.")
    if env_kwargs:
        raise UserError("--env-kwargs: the commentary of the simulator has an environment of its own; leave them out")
    from rlkit.commentary.dataset import MEASURED, CommentaryDataset

    source = CommentaryDataset(language or "en", seed=seed, measured=pictures or MEASURED)
    if size not in (None, source.size):
        raise UserError(f"--size: the simulator's pictures are {source.size[0]}x{source.size[1]}; leave it out")
    return source


def open_sentences_of(
    what: str, card: "CaptionerCard", data: str | None, *, seed: int = 0, pictures: int | None = None
) -> "CaptionDataset":
    """Open the data set that is named, or else the one that the captioner was trained on.

    Raises:
        UserError: The data are not known, or cannot be used, or do not fit the captioner.
    """
    from rlkit.captioning.config import CaptionConfig
    from rlkit.training.run_folder import RunFolder

    held_out, known = 0.1, data
    if data is None and (Path(what) / "config.json").is_file():
        config = RunFolder.open(Path(what), CaptionConfig).config
        known, held_out = config.data, config.val_fraction
    elif data is None and card.trained.get("data") == "sim":
        known = "sim"
    if known is None:
        raise unknown_data(what, card.trained)
    simulated = known == "sim"
    source = open_sentences(
        known,
        size=None if simulated else card.size,
        seed=seed,
        held_out=held_out,
        language=card.language or None if simulated else None,
        pictures=pictures,
    )
    if (source.frames, source.signals) != (card.frames, card.signals):
        raise UserError(f"{source.name} has other pictures or signals of an example than the captioner {what}.")
    return source


def evaluate_captioner(
    what: str, path: Path, device: str, *, data: str | None, split: str | None, limit: int | None, seed: int,
    json: str | None,
) -> None:  # fmt: skip
    """Evaluate, and print the figures.

    Args:
        what: The captioner as the user named it.
        path: Its file.
        device: torch device.
        data: sim or a folder; None for the training data.
        split: Name of the split; None for all.
        limit: Maximum number of examples per split.
        seed: Of a simulator's examples.
        json: File of the result; "-" for standard output, None for none.

    Raises:
        UserError: For anything that the user can correct.
    """
    from rich.console import Console
    from rich.table import Table

    from rlkit.captioning.captioner import load_captioner
    from rlkit.captioning.evaluation import check_scorer, evaluate

    check_result_target(json, RESULT)
    check_scorer()
    captioner = load_captioner(path, device=device)
    source = open_sentences_of(what, captioner.card, data, seed=seed, pictures=limit)
    results = [
        evaluate(captioner, source, name, name=what, limit=limit) for name in ([split] if split else source.splits)
    ]
    for result in results if json != "-" else []:
        table = Table(box=None, pad_edge=True, title=shown_text(f"{result['data']}, {result['split']}"))
        for column in ("", "captioner", "nearest neighbour", "most frequent sentence"):
            table.add_column(column)
        columns = (result, result["nearest_neighbour"], result["most_frequent"])
        names = [
            key
            for key, value in result.items()
            if value is not None and key in ("bleu4", "cider", "grammatical", "searched_again", "ms_per_sentence")
        ]
        for name in names:
            table.add_row(name, *(shown(one.get(name)) for one in columns))
        for name in result.get("slots", {}):
            table.add_row(f"slot {shown_text(name)}", *(shown(one["slots"].get(name)) for one in columns))
        Console().print(table)
    if json is not None:
        write_result(json, with_splits(results), RESULT)


def predict_sentences(what: str, path: Path, device: str, *, data: str | None, split: str | None, count: int | None,
                      seed: int, out: Path | None) -> None:  # fmt: skip
    """Write sentences about the first examples of a split, and a sheet of them to `out`.

    Raises:
        UserError: For anything that the user can correct.
    """
    from rlkit.captioning.captioner import load_captioner
    from rlkit.captioning.datasets.base import Grammar
    from rlkit.captioning.visualization import CaptionRow, draw_captions
    from rlkit.captioning.vocabulary import to_text

    captioner = load_captioner(path, device=device)
    wanted = count or SENTENCES
    source = open_sentences_of(what, captioner.card, data, seed=seed, pictures=wanted)
    rows: list[CaptionRow] = []
    for batch in source.measured(split or source.splits[0]):
        some = batch.part(slice(0, wanted - len(rows)))
        sentences = captioner.describe(some.images, some.signals, source if isinstance(source, Grammar) else None)
        for number, tokens in enumerate(sentences):
            rows.append(CaptionRow(some.images[number, 0], tokens, some.captions[number], some.names[number]))
            print_line(f"{some.names[number]}: {to_text(tokens)}")
        if len(rows) >= wanted:
            break
    if out is not None:
        write_sheet(rows, draw_captions, what, out)
