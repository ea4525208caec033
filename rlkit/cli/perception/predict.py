"""`rlkit perception predict`: show the predictions of a segmentation model or a detector."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

import tyro

from rlkit.cli.options import KeyValues, print_line, read_kwargs, refuse, unset
from rlkit.cli.perception.evaluate import usual_data
from rlkit.cli.perception.sheet import title_of, write_sheet
from rlkit.errors import UserError
from rlkit.utils.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rlkit.perception.model import SegmentationModel
    from rlkit.segmentation.visualization.sources import View, Views
    from rlkit.spaces import Classes, Pixels

R = TypeVar("R")


class Shows(Protocol[R]):
    """Predicts and draws: `segmentation.visualization.predictor.Predictor`, or that of a detector."""

    @property
    def note(self) -> str:
        """A remark; "" if there is none."""
        ...

    def rows(self, views: "Iterable[View]") -> "Iterator[R]":
        """Predict one image after the other."""
        ...

    def sheet(self, rows: "Sequence[R]", title: str) -> "Pixels":
        """Draw all rows on one sheet."""
        ...

    def single(self, row: R) -> "Pixels":
        """Draw one row, for videos and windows."""
        ...


ENDINGS = (".png", ".jpg", ".mp4")
IMAGES_PER_SHEET = 6  # default of --num-images


@dataclass(frozen=True)
class Predict:
    """Show images with their ground truth, the prediction of a model and its uncertainty; boxes, of a detector.

    In a window if there is a display, else as a file. Labelled images, for instance of the simulator:
    rlkit perception predict pretrained:segnet-compact

    Photos or a video:  rlkit perception predict RUN --input drive.mp4 --out prediction.mp4
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """A perception run, a .safetensors file, or pretrained:NAME."""
    data: Annotated[str | None, unset("sim|env:ID|FOLDER")] = None
    """Labelled images; the training data if neither --data nor --input is given."""
    split: Annotated[str | None, unset("NAME")] = None
    """The split, such as test, held-out or val; the first if not given."""
    input: Annotated[Path | None, unset("FILE|FOLDER|VIDEO")] = None
    """A photo, a folder of photos or a video, of any size. Files of a folder that cannot be read are skipped."""
    out: Annotated[Path | None, unset("FILE")] = None
    """Write an image grid (.png, .jpg) or a video (.mp4) instead of opening a window."""
    num_images: Annotated[int | None, unset("N")] = None
    """Maximum number of images (6 in a grid, all of a video)."""
    samples: Annotated[int, tyro.conf.arg(metavar="N")] = 10
    """Monte-Carlo dropout samples for the uncertainty, if the network has dropout."""
    seed: Annotated[int, tyro.conf.arg(metavar="S")] = 0
    """Seed of a simulator's images."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as weather=snow."""
    network: Annotated[str | None, unset("my_package:MyNet")] = None
    """The network's class if it is not one of rlkit's; naming it allows its import."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the network."""

    def run(self) -> None:
        """Show."""
        self._check()
        from rlkit.nn.utils import choose_device
        from rlkit.perception.model import find_model, load_model
        from rlkit.perception.model_card import is_captioner, is_detector
        from rlkit.segmentation.visualization.predictor import Predictor
        from rlkit.viewer import has_display

        path, device = find_model(self.model), choose_device(self.device)
        out = self.out
        if is_captioner(path):
            self._sentences(path, device)
            return
        if out is None and not has_display():
            out = _free_name()
            print_line(f"no display: writing {out} instead")
        skipped: list[UserError] = []

        def skip(error: UserError) -> None:
            skipped.append(error)
            print(f"skipped: {printable(error)}", file=sys.stderr, flush=True)

        film = out is None or out.suffix.lower() == ".mp4"
        predictor: Shows[Any]
        if is_detector(path):
            predictor, views = self._detector(path, device, film, skip)
        else:
            model = load_model(path, device=device, network=self.network)
            classes, views = self._views(model, film, skip)
            predictor = Predictor(model, classes, self.samples)
        if predictor.note:
            print_line(f"note: {predictor.note}")
        if out is None:
            self._open_window(predictor, views)
        elif out.suffix.lower() == ".mp4":
            self._film(predictor, views, out)
        else:
            write_sheet(list(predictor.rows(views.views)), predictor.sheet, self.model, out)
        if skipped:
            print_line(f"{len(skipped)} of {views.count} pictures could not be read and were skipped (see above)")

    def _check(self) -> None:
        if self.data is not None and self.input is not None:
            raise UserError("--data and --input exclude each other: leave one out")
        if self.input is not None and (self.split is not None or self.env_kwargs):
            raise UserError("--split and --env-kwargs belong to --data; --input has neither")
        for option, number in (("num-images", self.num_images), ("samples", self.samples)):
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

    def _views(
        self, model: "SegmentationModel", film: bool, skip: "Callable[[UserError], None]"
    ) -> "tuple[Classes | None, Views]":
        from rlkit.segmentation.datasets import is_simulator, open_dataset
        from rlkit.segmentation.visualization.sources import views_of_path, views_of_source

        if self.input is not None:
            count = self.num_images or (None if film else IMAGES_PER_SHEET)
            return None, views_of_path(self.input.expanduser(), count, skip)
        data = self.data or usual_data(self.model, model.card)
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
        return source.classes, views_of_source(source, split, self.num_images or IMAGES_PER_SHEET)

    def _detector(
        self, path: Path, device: str, film: bool, skip: "Callable[[UserError], None]"
    ) -> "tuple[Shows[Any], Views]":
        from rlkit.cli.perception.detector import open_boxes_of
        from rlkit.detection.predictor import ObjectPredictor, views_of_boxes
        from rlkit.perception.detector import load_detector
        from rlkit.segmentation.visualization.sources import views_of_path

        refuse(self, ("network",), "a detector")
        detector = load_detector(path, device=device)
        if self.input is not None:
            count = self.num_images or (None if film else IMAGES_PER_SHEET)
            return ObjectPredictor(detector), views_of_path(self.input.expanduser(), count, skip)
        kwargs = read_kwargs("--env-kwargs", self.env_kwargs)
        source = open_boxes_of(self.model, detector.card, self.data, None, seed=self.seed, env_kwargs=kwargs)
        split = self.split or source.splits[0]
        views = views_of_boxes(source, split, self.num_images or IMAGES_PER_SHEET)
        return ObjectPredictor(detector, source.objects), views

    def _sentences(self, path: Path, device: str) -> None:
        from rlkit.cli.perception.captioner import predict_sentences

        refuse(self, ("input", "network", "env_kwargs"), "a captioner")
        if self.out is not None and self.out.suffix.lower() == ".mp4":
            raise UserError(f"--out {self.out}: sentences are drawn on a sheet, .png or .jpg")
        predict_sentences(
            self.model,
            path,
            device,
            data=self.data,
            split=self.split,
            count=self.num_images,
            seed=self.seed,
            out=self.out,
        )

    def _film(self, predictor: "Shows[R]", views: "Views", out: Path) -> None:
        from rich.progress import track

        from rlkit.viewer.video import VideoWriter

        with VideoWriter(out, views.rate) as video:
            for row in predictor.rows(track(views.views, "predicting", total=views.count)):
                video.write(predictor.single(row))
        print_line(f"{video.frames} pictures, {views.rate:g} per second: {out}")

    def _open_window(self, predictor: "Shows[R]", views: "Views") -> None:
        from rlkit.segmentation.visualization.window import show

        playing = views.count is None or views.count > IMAGES_PER_SHEET
        rows = predictor.rows(views.views)
        show(rows, predictor.single, views.rate, title=title_of(self.model), playing=playing)


def _free_name() -> Path:
    """The first unused file name in the current folder."""
    number = 1
    while (path := Path(f"perception-{number}.png")).exists():
        number += 1
    return path
