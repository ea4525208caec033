"""`rlkit perception train`: teach a network to find the class of every pixel, or go on teaching it."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rlkit.cli.options import KeyValues, print_line, read_kwargs, read_pairs, read_size, unset
from rlkit.errors import UserError


@dataclass(frozen=True)
class Train:
    """Train a segmentation network, and keep everything about it in a run folder.

    Nothing is needed: pictures come from the driving simulator.  rlkit perception train

    Or with a data set:  rlkit perception train --data CamVid --model segnet --epochs 100
    """

    data: Annotated[str | None, unset("sim|env:ID|FOLDER")] = None
    """Where pictures come from (sim if not given: the driving simulator), or a folder: CamVid, KITTI Road, BDD100K,
    Cityscapes, or your own images/ masks/ classes.json."""
    model: Annotated[str | None, unset("NAME")] = None
    """Which network (segnet-compact if not given): segnet, segnet-basic, bayesian-segnet, fcn8s, fcn32s, or
    my_package:MyNet."""
    preset: Annotated[str | None, unset("simulator|files")] = None
    """Named set of hyperparameters; by the kind of data if not given."""
    set: KeyValues = ()
    """Hyperparameters that differ, such as learning_rate=1e-3; `rlkit perception recipe` lists them."""
    steps: Annotated[int | None, unset("N")] = None
    """Budget in steps of gradient descent."""
    epochs: Annotated[int | None, unset("N")] = None
    """Budget in passes over a folder's pictures (100 if neither is given)."""
    batch_size: Annotated[int | None, unset("N")] = None
    """Pictures per step; short for --set batch_size=N."""
    time_limit: Annotated[float | None, unset("SECONDS")] = None
    """Stop after this many seconds; the run is saved and can be resumed."""
    size: Annotated[str | None, unset("HEIGHTxWIDTH")] = None
    """Size of the pictures in pixels, such as 96x128; their own if not given."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as weather=snow."""
    held_out: Annotated[float | None, unset("SHARE")] = None
    """Share of a folder's training pictures by which the best weights are chosen (0.1 if not given)."""
    seed: Annotated[int | None, unset("S")] = None
    """The one number that fixes all randomness (0 if not given)."""
    device: Annotated[Literal["auto", "cpu", "cuda"] | None, unset("auto|cpu|cuda")] = None
    """Where the network learns (auto if not given: a GPU where there is one)."""
    init: Annotated[str | None, unset("MODEL")] = None
    """A model to begin with: a perception run, a .safetensors file, or pretrained:NAME."""
    pretrained_vgg16: Annotated[Path | None, unset("FILE")] = None
    """ImageNet weights of VGG16 to begin with, a .safetensors file with torchvision's names."""
    select_freq: Annotated[int | None, unset("N")] = None
    """Steps between selections of the best weights (a twentieth of the budget if not given)."""
    save_freq: Annotated[int | None, unset("N")] = None
    """Steps between checkpoints; 0 for one at the end only."""
    run_dir: Annotated[Path | None, unset("DIR")] = None
    """The run folder to make."""
    resume: Annotated[Path | None, unset("RUN")] = None
    """Go on with the run in this folder, exactly where it stopped; --data if it was moved."""
    quiet: Annotated[bool, tyro.conf.arg(aliases=["-q"])] = False
    """Say nothing but warnings."""

    def run(self) -> None:
        """Train."""
        if self.resume is not None:
            self._refuse_what_resuming_cannot_change()
        settings = read_pairs("--set", self.set)
        if self.batch_size is not None:
            if "batch_size" in settings:
                raise UserError("--batch-size and --set batch_size say the same: leave one out")
            settings["batch_size"] = str(self.batch_size)
        env_kwargs = read_kwargs("--env-kwargs", self.env_kwargs)
        size = None if self.size is None else read_size("--size", self.size)
        from rlkit.segmentation import resume, train
        from rlkit.training.progress import make_reporter

        reporter = functools.partial(make_reporter, quiet=self.quiet)
        if self.resume is not None:
            resume(
                self.resume,
                data=self.data,
                env_kwargs=env_kwargs,
                model=self.model,
                time_limit=self.time_limit,
                reporter=reporter,
            )
            return
        outcome = train(
            self.data or "sim",
            model=self.model or "segnet-compact",
            preset=self.preset,
            settings=settings,
            steps=self.steps,
            epochs=self.epochs,
            size=size,
            env_kwargs=env_kwargs,
            held_out=0.1 if self.held_out is None else self.held_out,
            seed=0 if self.seed is None else self.seed,
            device=self.device or "auto",
            select_freq=self.select_freq,
            save_freq=self.save_freq,
            init=self.init,
            vgg16=self.pretrained_vgg16,
            run_dir=self.run_dir,
            time_limit=self.time_limit,
            reporter=reporter,
        )
        if not self.quiet and outcome.stopped is None:
            print_line(f"measure it: rlkit perception evaluate {outcome.path}")
            print_line(f"look at it: rlkit perception show {outcome.path}")

    def _refuse_what_resuming_cannot_change(self) -> None:
        fixed = ("preset", "set", "steps", "epochs", "batch_size", "size", "held_out", "seed", "device")
        for name in (*fixed, "init", "pretrained_vgg16", "select_freq", "save_freq", "run_dir"):
            if getattr(self, name) not in (None, ()):
                raise UserError(f"--resume takes --{name.replace('_', '-')} from the run: leave it out")
