"""Video files of a playback, or of what a segmentation model finds; made with or without a display."""

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.errors import UserError
from rlkit.spaces import Pixels
from rlkit.utils.paths import create_file
from rlkit.viewer.frame import Frame
from rlkit.viewer.observation_panel import first_picture
from rlkit.viewer.panels import Painter
from rlkit.viewer.playback import Playback
from rlkit.viewer.theme import BACKGROUND, picture

SIZES = {".mp4": (1280, 720), ".gif": (800, 450)}  # pixels; a GIF compresses badly, so it is smaller
SMALLEST_SCENE = 480  # pixels; scenes that are lower are enlarged by a whole factor when recorded without panels
FASTEST_GIF = 50.0  # frames per second; browsers slow down anything faster
SMOOTH = 30.0  # pictures per second, where the environment can be drawn between two decisions
LAST_MOMENT = 1.0  # s, how long the end of an episode stays in the video
WAITING = 8  # pictures that may wait for the encoder, 22 MB at 1280×720

# Players guess the colours of a video that does not name them.
_COLOURS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
_OPTIONS: dict[str, Any] = {
    "quality": 7,
    "macro_block_size": 2,
    "output_params": ["-vf", "scale=out_color_matrix=bt709:out_range=tv", *_COLOURS, "-movflags", "+faststart"],
    "ffmpeg_log_level": "fatal",
}


@dataclass(frozen=True)
class Recording:
    """What came of recording.

    Args:
        path: The file.
        frames: Pictures in it.
        rate: Pictures per second.
        episodes: Episodes that were recorded to their end.
    """

    path: Path
    frames: int
    rate: float
    episodes: int


class Recorder:
    """Writes moments into a video file, one picture each.

    The file grows under a hidden name beside its final one and is renamed once it is complete. A thread of its own
    talks to the encoder: an interrupt from the keyboard reaches only the main thread, so that it can never cut a file
    short, and what was recorded until then plays.

    Args:
        path: File to make; its ending, .mp4 or .gif, selects the format.
        rate: Moments per second.
        panels: Whether to show more than the scene.
        size: (width, height) in pixels with panels; None chooses.
        painter: Who draws them; None for the panels of an agent.

    Raises:
        UserError: If the file exists, cannot be written, has another ending, or no encoder is installed.
    """

    def __init__(
        self,
        path: str | Path,
        rate: float,
        *,
        panels: bool = True,
        size: tuple[int, int] | None = None,
        painter: Painter | None = None,
    ):
        self.path = Path(path)
        suffix = self.path.suffix.lower()
        if suffix not in SIZES:
            raise UserError(f"Cannot record to {str(self.path)!r}: the name must end in .mp4 or .gif.")
        if self.path.exists():
            raise UserError(f"{str(self.path)!r} exists already and is not overwritten: choose another name.")
        # A GIF counts in hundredths of a second: where that is too coarse, moments are left out evenly.
        self._every = math.ceil(rate / FASTEST_GIF) if suffix == ".gif" else 1
        self.rate = rate / self._every
        self.frames = 0
        self._moments = 0
        self._panels = panels
        self._size = size or SIZES[suffix]
        self._surface: pygame.Surface | None = None
        self._painter = painter or Painter()
        settings = _settings(suffix)
        self._partial = self.path.with_name(f".{self.path.stem}.{os.getpid()}-{time.time_ns()}{suffix}")
        try:
            self._partial.open("xb").close()
        except OSError as error:
            raise UserError(
                f"Cannot write into the folder {str(self.path.parent)!r}: {error.strerror or error}.", exit_code=1
            ) from error
        self._problem: str = ""
        self._pictures: queue.Queue[npt.NDArray[np.uint8] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._encode, args=(settings,), name="rlkit-recorder")
        self._thread.start()

    def write(self, frame: Frame, times: int = 1) -> None:
        """Add a moment.

        Args:
            frame: The moment.
            times: How many pictures long it is shown.

        Raises:
            UserError: If the encoder failed; what was written before is kept.
        """
        pixels: npt.NDArray[np.uint8] | None = None
        for _ in range(times):
            self._moments += 1
            if (self._moments - 1) % self._every:
                continue
            if self._problem:
                self.close()
            if pixels is None:
                pixels = self._draw(frame)
            self._pictures.put(pixels)
            self.frames += 1

    def close(self) -> None:
        """Finish the file and give it its name; without a single picture there is none.

        Raises:
            UserError: If the encoder or the renaming failed.
        """
        if self._thread.is_alive():
            self._pictures.put(None)
            self._thread.join()
        if self._problem:
            raise UserError(f"Recording {str(self.path)!r} failed: {self._problem}.", exit_code=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.close()
        except UserError:
            if kind is None:  # else the first error says more
                raise

    def _draw(self, frame: Frame) -> npt.NDArray[np.uint8]:
        if self._surface is None:
            size = self._size if self._panels else _scene_size(frame)
            self._surface = pygame.Surface((size[0] + size[0] % 2, size[1] + size[1] % 2))  # H.264 wants even sides
        surface = self._surface
        if self._panels:
            self._painter.draw(surface, frame)
        else:
            _draw_scene_only(surface, frame)
        width, height = surface.get_size()
        return np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).reshape(height, width, 3)

    # In the encoder's thread

    def _encode(self, settings: dict[str, Any]) -> None:
        pixels = self._pictures.get()
        try:
            import imageio_ffmpeg  # type: ignore[import-untyped]

            if pixels is not None:
                size = (pixels.shape[1], pixels.shape[0])
                encoder = imageio_ffmpeg.write_frames(str(self._partial), size, fps=self.rate, **settings)
                encoder.send(None)
                try:
                    while pixels is not None:
                        encoder.send(pixels)
                        pixels = self._pictures.get()
                finally:
                    encoder.close()
        except OSError as error:
            self._problem = f"the encoder stopped ({_first_line(error)}), perhaps because the disk is full"
        except Exception as error:  # for the main thread to raise
            self._problem = _first_line(error)
        while pixels is not None:
            pixels = self._pictures.get()  # nobody may wait for a queue that is never emptied
        try:
            self._rename()
        except OSError as error:
            self._problem = f"{error.strerror or error}; what was recorded is in {str(self._partial)!r}"

    def _rename(self) -> None:
        """Give the file its name if it plays, else remove it."""
        if not _plays(self._partial):
            self._partial.unlink()
            if self.frames and not self._problem:
                self._problem = "the encoder could not finish the file, perhaps because the disk is full"
            return
        if self._problem:
            self._problem += ", but what was recorded before plays"
        try:
            os.link(self._partial, self.path)  # unlike renaming, it never replaces a file
        except FileExistsError:
            self._problem = f"a file of that name came into being meanwhile; the video is {str(self._partial)!r}"
        except OSError:  # a file system without hard links
            self._partial.rename(self.path)
        else:
            self._partial.unlink()


def record(
    playback: Playback,
    path: str | Path,
    *,
    episodes: int | None = 1,
    seconds: float | None = None,
    until: Callable[[Frame], bool] | None = None,
    panels: bool = True,
    size: tuple[int, int] | None = None,
    each: Callable[[Frame], object] | None = None,
) -> Recording:
    """Record a playback from its present moment on, as fast as it goes; no display is needed.

    The video plays in real time: one picture per decision, as many per second as there are decisions; or several per
    decision, about 30 per second, where the environment can be drawn in between.
    When interrupted (`KeyboardInterrupt`), what was recorded is kept under its final name before the exception goes on.

    Args:
        playback: What to record.
        path: File to make, .mp4 or .gif; must not exist.
        episodes: After how many episodes to stop; None for as many as the playback has.
        seconds: After how many simulated seconds to stop, at the latest.
        until: Told the last moment of each episode; stops when it says so.
        panels: Whether to show more than the scene.
        size: (width, height) in pixels with panels; None chooses by format.
        each: Called with every moment, for a progress display.

    Raises:
        UserError: If the file exists, cannot be written, has another ending, or no encoder is installed.
    """
    between = max(1, round(SMOOTH / playback.rate)) if playback.smooth else 1
    rate = playback.rate * between
    most = math.inf if seconds is None else max(1, round(seconds * rate))
    done = 0
    moments = 0
    with Recorder(path, rate, panels=panels, size=size) as recorder:
        while True:
            frame = playback.frame()
            for picture in range(1, between):
                if moments < most:
                    recorder.write(playback.frame(picture / between))
                    moments += 1
            times = 1 + (round(LAST_MOMENT * rate) if frame.ended else 0)
            times = int(min(times, most - moments))
            recorder.write(frame, times)
            moments += times
            if each is not None:
                each(frame)
            if frame.ended:
                done += 1
                if done == episodes or (until is not None and until(frame)):
                    break
            if moments >= most or not playback.advance():
                break
    return Recording(recorder.path, recorder.frames, recorder.rate, done)


def _plays(path: Path) -> bool:
    """Whether a video can be read to its end; nothing is decoded."""
    try:
        import imageio_ffmpeg

        frames, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    except (ImportError, OSError, RuntimeError):
        return False
    return bool(frames > 0)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), repr(error)).rstrip(".:")


def _settings(suffix: str) -> dict[str, Any]:
    """What imageio's ffmpeg is told for a format."""
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"Cannot record without ffmpeg: {error} It comes with: pip install 'imageio[ffmpeg]'", exit_code=1
        ) from error
    if suffix == ".gif":
        # A palette per picture needs no second pass, and no memory that grows with the length.
        palette = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none"
        return {
            "codec": "gif",
            "pix_fmt_out": "pal8",
            "quality": None,
            "macro_block_size": 1,
            "output_params": ["-filter_complex", palette, "-loop", "0"],
            "ffmpeg_log_level": "fatal",
        }
    # Players guess the colours of a video that does not name them.
    bt709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    return {
        "codec": None,  # the first H.264 encoder that works here
        "quality": 6,
        "macro_block_size": 2,
        "output_params": ["-vf", "scale=out_color_matrix=bt709:out_range=tv", *bt709, "-movflags", "+faststart"],
        "ffmpeg_log_level": "fatal",
    }


def _scene_size(frame: Frame) -> tuple[int, int]:
    scene = _scene(frame)
    zoom = max(1, math.ceil(SMALLEST_SCENE / scene.shape[0])) if scene.shape[0] < SMALLEST_SCENE // 2 else 1
    return scene.shape[1] * zoom, scene.shape[0] * zoom


def _scene(frame: Frame) -> npt.NDArray[np.uint8]:
    scene = frame.scene if frame.scene is not None else first_picture(frame.inputs, frame.leaves)
    if scene is None:
        raise UserError(f"{frame.environment} draws no picture, so it can only be recorded with panels.")
    return scene


def _draw_scene_only(surface: pygame.Surface, frame: Frame) -> None:
    source = picture(_scene(frame))
    zoom = min(surface.get_width() / source.get_width(), surface.get_height() / source.get_height())
    size = (round(source.get_width() * zoom), round(source.get_height() * zoom))
    surface.fill(BACKGROUND)
    if abs(surface.get_width() - source.get_width()) <= 1 and abs(surface.get_height() - source.get_height()) <= 1:
        surface.blit(source, (0, 0))
        return
    scaled = pygame.transform.scale if zoom >= 2 else pygame.transform.smoothscale
    surface.blit(scaled(source, size), ((surface.get_width() - size[0]) // 2, (surface.get_height() - size[1]) // 2))


def write_film(path: Path, pictures: Iterable[Pixels], rate: float) -> int:
    """Write pictures of one size into an .mp4 file; it takes its name once it is complete.

    What was written when a person interrupts is kept.

    Args:
        path: The file; must not exist.
        pictures: (H, W, 3) uint8 each.
        rate: Pictures per second.

    Returns:
        How many pictures there were.

    Raises:
        UserError: It cannot be written, or there is no encoder.
    """
    import imageio_ffmpeg

    from rlkit.utils.io import SCRATCH

    scratch = path.with_name(f"{SCRATCH}{os.getpid()}-{path.name}")
    encoder = None
    count = 0
    try:
        create_file(scratch).close()  # so that the encoder writes through no link
        for picture in pictures:
            even = _even(picture)
            if encoder is None:
                size = (even.shape[1], even.shape[0])
                encoder = imageio_ffmpeg.write_frames(str(scratch), size, fps=rate, **_OPTIONS)
                encoder.send(None)
            encoder.send(even)
            count += 1
    except OSError as error:
        raise UserError(f"{path} could not be written: {error}", exit_code=1) from error
    finally:
        if encoder is not None:
            encoder.close()
        if count and scratch.exists():
            scratch.rename(path)
        scratch.unlink(missing_ok=True)
    return count


def _even(picture: Pixels) -> Pixels:
    """H.264 wants even sides: the last row or column is repeated where one is missing."""
    odd = [(0, side % 2) for side in picture.shape[:2]]
    return np.ascontiguousarray(np.pad(picture, [*odd, (0, 0)], mode="edge"))
