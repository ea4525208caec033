"""`rlkit perception show`: look at what a network finds in pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from rlkit.cli.options import KeyValues, print_line, read_kwargs, unset
from rlkit.cli.perception.evaluate import usual_data
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.perception.model import SegmentationModel
    from rlkit.segmentation.visualization.predictor import Predictor
    from rlkit.segmentation.visualization.sources import Views
    from rlkit.spaces import Classes

ENDINGS = (".png", ".jpg", ".mp4")
ON_A_SHEET = 6  # pictures, unless --pictures says otherwise


@dataclass(frozen=True)
class Show:
    """Show pictures beside their truth, what a network finds in them and how sure it is of it.

    In a window where there is a display, else as a file. With labelled pictures, from the simulator for instance:
    rlkit perception show pretrained:segnet-compact

    With photos or a video of your own:  rlkit perception show RUN --input drive.mp4 --out found.mp4
    """

    what: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WHAT")]
    """A perception run, a .safetensors file, or pretrained:NAME."""
    data: Annotated[str | None, unset("sim|env:ID|FOLDER")] = None
    """Labelled pictures to look at; what it was trained on if nothing is given."""
    split: Annotated[str | None, unset("NAME")] = None
    """Which of them, such as test, held-out or val; the usual one if not given."""
    input: Annotated[Path | None, unset("FILE|FOLDER|VIDEO")] = None
    """A photo, a folder of photos or a video to look at, of any size."""
    out: Annotated[Path | None, unset("FILE")] = None
    """Write a sheet (.png, .jpg) or a film (.mp4) instead of opening a window."""
    pictures: Annotated[int | None, unset("N")] = None
    """How many pictures at most (6 on a sheet, all of a film)."""
    samples: Annotated[int, tyro.conf.arg(metavar="N")] = 10
    """Answers with dropout by which uncertainty is measured, where the network has dropout."""
    seed: Annotated[int, tyro.conf.arg(metavar="S")] = 0
    """Which pictures of a simulator."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as weather=snow."""
    model: Annotated[str | None, unset("my_package:MyNet")] = None
    """The network, typed again: needed where it is in a module of your own."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network computes."""

    def run(self) -> None:
        """Show."""
        self._check()
        from rlkit.nn.utils import choose_device
        from rlkit.perception.model import find_model, load_model
        from rlkit.segmentation.visualization.predictor import Predictor
        from rlkit.viewer import has_display

        model = load_model(find_model(self.what), device=choose_device(self.device), network=self.model)
        out = self.out
        if out is None and not has_display():
            out = _free_name()
            print_line(f"there is no display here: writing {out} instead")
        classes, views = self._views(model, film=out is None or out.suffix.lower() == ".mp4")
        onlooker = Predictor(model, classes, self.samples)
        if onlooker.note:
            print_line(f"note: {onlooker.note}")
        if out is None:
            self._open_window(onlooker, views)
        elif out.suffix.lower() == ".mp4":
            self._film(onlooker, views, out)
        else:
            self._sheet(onlooker, views, out)

    def _check(self) -> None:
        if self.data is not None and self.input is not None:
            raise UserError("--data and --input both say what to look at: leave one out")
        if self.input is not None and (self.split is not None or self.env_kwargs):
            raise UserError("--split and --env-kwargs belong to --data; --input has neither")
        for option, number in (("pictures", self.pictures), ("samples", self.samples)):
            if number is not None and number < 1:
                raise UserError(f"--{option} {number}: expected a whole number of at least 1")
        if self.out is None:
            return
        if self.out.suffix.lower() not in ENDINGS:
            raise UserError(f"--out {self.out}: expected a name that ends with {', '.join(ENDINGS)}")
        if not self.out.absolute().parent.is_dir():
            raise UserError(f"--out {self.out}: the folder {self.out.absolute().parent} does not exist", exit_code=1)
        if self.out.exists():
            raise UserError(f"--out {self.out}: the file exists; choose another name or remove it", exit_code=1)

    def _views(self, model: "SegmentationModel", film: bool) -> "tuple[Classes | None, Views]":
        from rlkit.segmentation.datasets import is_simulator, open_dataset
        from rlkit.segmentation.visualization.sources import views_of_path, views_of_source

        if self.input is not None:
            return None, views_of_path(self.input.expanduser(), self.pictures or (None if film else ON_A_SHEET))
        data = self.data or usual_data(self.what, model.card)
        source = open_dataset(
            data,
            size=model.card.size if is_simulator(data) else None,
            seed=self.seed,
            env_kwargs=read_kwargs("--env-kwargs", self.env_kwargs),
            allow_code=self.data is not None,
        )
        split = self.split or source.splits[0]
        if split not in source.splits:
            raise UserError(f"--split {split}: {source.name} has {', '.join(source.splits)}")
        return source.classes, views_of_source(source, split, self.pictures or ON_A_SHEET)

    @property
    def _title(self) -> str:
        return self.what.rstrip("/").rpartition("/")[2]

    def _sheet(self, onlooker: "Predictor", views: "Views", out: Path) -> None:
        from PIL import Image

        from rlkit.segmentation.visualization.sheet import draw_sheet
        from rlkit.utils.io import disk_errors, scratch_file

        rows = list(onlooker.rows(views.views))
        if not rows:
            raise UserError("there are no pictures to look at", exit_code=1)
        sheet = draw_sheet(rows, onlooker.classes, self._title, onlooker.about)
        with disk_errors(str(out)), scratch_file(out) as scratch:
            Image.fromarray(sheet).save(scratch, quality=92)
            scratch.rename(out)
        print_line(f"{len(rows)} pictures: {out}")

    def _film(self, onlooker: "Predictor", views: "Views", out: Path) -> None:
        from rich.progress import track

        from rlkit.segmentation.visualization.sheet import draw_moment
        from rlkit.viewer.video import write_film

        rows = onlooker.rows(track(views.views, "looking", total=views.count))
        sheets = (draw_moment(row, onlooker.classes) for row in rows)
        count = write_film(out, sheets, views.rate)
        print_line(f"{count} pictures, {views.rate:g} per second: {out}")

    def _open_window(self, onlooker: "Predictor", views: "Views") -> None:
        from rlkit.segmentation.visualization.sheet import draw_moment
        from rlkit.segmentation.visualization.window import show

        playing = views.count is None or views.count > ON_A_SHEET
        rows = onlooker.rows(views.views)
        show(rows, lambda row: draw_moment(row, onlooker.classes), views.rate, title=self._title, playing=playing)


def _free_name() -> Path:
    """A name of a sheet in this folder that is free."""
    number = 1
    while (path := Path(f"perception-{number}.png")).exists():
        number += 1
    return path
