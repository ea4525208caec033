"""`rlkit perception train`: train a segmentation network or a detector, or resume its training."""

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from rlkit.cli.options import KeyValues, given_options, print_line, read_kwargs, read_pairs, read_size, refuse, unset
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.training.run import Run


@dataclass(frozen=True)
class Train:
    """Train a segmentation network or a detector; configuration, metrics and checkpoints are saved in a run folder.

    On images of the driving simulator:  rlkit perception train

    On a data set:  rlkit perception train --data CamVid --network segnet --epochs 100

    A detector:  rlkit perception train --network centernet-compact --env-kwargs traffic=20 obstacles=20
    """

    data: Annotated[str | None, unset("sim|env:ID|FOLDER")] = None
    """Source of the images (sim if not given: the driving simulator), or a folder: CamVid, KITTI Road, BDD100K,
    Cityscapes, or your own images/ masks/ classes.json; for a detector COCO, KITTI object or BDD100K."""
    network: Annotated[str | None, unset("NAME")] = None
    """The network (segnet-compact if not given): segnet, segnet-basic, bayesian-segnet, fcn8s, fcn32s, or
    my_package:MyNet; centernet-compact finds objects in boxes, and classes of pixels where the data have masks;
    nic-compact writes sentences about sim, or about pictures with captions in COCO's format."""
    preset: Annotated[str | None, unset("simulator|files")] = None
    """Named set of hyperparameters; chosen by the data if not given."""
    set: KeyValues = ()
    """Hyperparameters to override, such as learning_rate=1e-3; `rlkit perception hyperparameters` lists them."""
    steps: Annotated[int | None, unset("N")] = None
    """Total gradient steps; with --resume, the new total of a run that goes on after its end."""
    epochs: Annotated[int | None, unset("N")] = None
    """Epochs over a folder's images (100 if neither is given); with --resume, the new total."""
    batch_size: Annotated[int | None, unset("N")] = None
    """Images per step; short for --set batch_size=N."""
    time_limit: Annotated[float | None, unset("SECONDS")] = None
    """Stop after this many seconds; the run is saved and can be resumed."""
    size: Annotated[str | None, unset("HEIGHTxWIDTH")] = None
    """Size of the images in pixels, such as 96x128; unchanged if not given."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as weather=snow."""
    val_fraction: Annotated[float | None, unset("SHARE")] = None
    """Fraction of a folder's training images used for validation (0.1 if not given)."""
    seed: Annotated[int | None, unset("S")] = None
    """Random seed (0 if not given)."""
    device: Annotated[Literal["auto", "cpu", "cuda"] | None, unset("auto|cpu|cuda")] = None
    """Device of the network (auto if not given: a GPU if available)."""
    learners: Annotated[int | None, unset("N")] = None
    """Processes that train together, each with its share of every batch (1 if not given); on GPUs, each takes one."""
    language: Annotated[str | None, unset("en|ko")] = None
    """Of a captioner, the language of the simulator's sentences (en if not given)."""
    init: Annotated[str | None, unset("MODEL")] = None
    """Initial weights: a perception run, a .safetensors file, or pretrained:NAME."""
    pretrained_vgg16: Annotated[Path | None, unset("FILE")] = None
    """Initial ImageNet weights of VGG16, a .safetensors file with torchvision's names."""
    val_freq: Annotated[int | None, unset("N")] = None
    """Steps between validations, by which the best weights are chosen (a twentieth of all steps if not given)."""
    save_freq: Annotated[int | None, unset("N")] = None
    """Steps between checkpoints; 0 for one at the end only."""
    run_dir: Annotated[Path | None, unset("DIR")] = None
    """The run folder to create."""
    resume: Annotated[Path | None, unset("RUN")] = None
    """Resume the run in this folder from its last checkpoint; with --data if its data were moved."""
    quiet: Annotated[bool, tyro.conf.arg(aliases=["-q"])] = False
    """Print warnings only."""

    def run(self) -> None:
        """Train."""
        if self.resume is not None:
            self._refuse_what_resuming_cannot_change()
        settings = read_pairs("--set", self.set)
        if self.batch_size is not None:
            if "batch_size" in settings:
                raise UserError("--batch-size and --set batch_size exclude each other: leave one out")
            settings["batch_size"] = str(self.batch_size)
        env_kwargs = read_kwargs("--env-kwargs", self.env_kwargs)
        size = None if self.size is None else read_size("--size", self.size)
        from rlkit.training.progress import make_reporter

        reporter = functools.partial(make_reporter, quiet=self.quiet)
        own: dict[str, Any] = {}  # options that not all networks have
        kind = self._kind()
        again: dict[str, Any] = {}  # the same of resuming
        if kind != "captioning" and self.language is not None:
            raise UserError("--language belongs to a captioner, such as --network nic-compact: leave it out")
        if kind == "captioning":
            from rlkit.captioning.run import resume, train
            from rlkit.cli.perception.captioner import open_sentences

            refuse(self, ("pretrained_vgg16", "learners"), "a captioner")
            again = {"opener": open_sentences}
            own = {"opener": open_sentences, "language": self.language}
        elif kind == "detection":
            from rlkit.detection.run import resume, train  # type: ignore[assignment]

            refuse(self, ("pretrained_vgg16", "learners"), "a detector")
        else:
            from rlkit.segmentation import resume, train  # type: ignore[assignment]

            own = {"vgg16": self.pretrained_vgg16, "learners": 1 if self.learners is None else self.learners}
        if self.resume is not None:
            outcome = resume(
                self.resume,
                data=self.data,
                env_kwargs=env_kwargs,
                network=self.network,
                steps=self.steps,
                epochs=self.epochs,
                time_limit=self.time_limit,
                reporter=reporter,
                **again,
            )
            self._leave(outcome)
            return
        outcome = train(
            "sim" if self.data is None else self.data,
            network=self.network or "segnet-compact",
            preset=self.preset,
            settings=settings,
            steps=self.steps,
            epochs=self.epochs,
            size=size,
            env_kwargs=env_kwargs,
            val_fraction=0.1 if self.val_fraction is None else self.val_fraction,
            seed=0 if self.seed is None else self.seed,
            device=self.device or "auto",
            val_freq=self.val_freq,
            save_freq=self.save_freq,
            init=self.init,
            run_dir=self.run_dir,
            time_limit=self.time_limit,
            reporter=reporter,
            **own,
        )
        self._finish(outcome)

    def _kind(self) -> str:
        """What is trained, by the network or by the run to resume: "segmentation", "detection" or "captioning"."""
        from rlkit.perception.networks import CAPTIONERS, DETECTORS
        from rlkit.training.run_folder import read_config

        if self.resume is None:
            if self.network in DETECTORS:
                return "detection"
            return "captioning" if self.network in CAPTIONERS else "segmentation"
        file = self.resume / "config.json"
        tree = read_config(file) if file.is_file() else None
        kind = tree.get("kind") if isinstance(tree, dict) else None
        return kind if kind in ("detection", "captioning") else "segmentation"

    def _finish(self, outcome: "Run") -> None:
        if not self.quiet and outcome.stopped is None:
            print_line(f"evaluate it: rlkit perception evaluate {outcome.path}")
            print_line(f"show it: rlkit perception predict {outcome.path}")
        self._leave(outcome)

    def _leave(self, outcome: "Run") -> None:
        """Exit with the status of a run that a signal stopped."""
        from rlkit.training.signals import exit_status

        if exit_status(outcome.stopped):
            sys.exit(exit_status(outcome.stopped))

    def _refuse_what_resuming_cannot_change(self) -> None:
        fixed = ("preset", "set", "batch_size", "size", "val_fraction", "seed", "device", "learners", "language")
        for option in given_options(self, (*fixed, "init", "pretrained_vgg16", "val_freq", "save_freq", "run_dir")):
            raise UserError(f"--resume takes {option} from the run: leave it out")
