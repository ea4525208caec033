"""Write MP4 and GIF files."""

import os
import queue
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
import pygame

from rlkit.errors import UserError
from rlkit.spaces import Pixels
from rlkit.viewer.theme import BACKGROUND, blit_fitted, pixels_of, to_surface

FORMATS = (".mp4", ".gif")
MAX_GIF_RATE = 50.0  # frames per second; browsers slow down anything faster
QUEUE_SIZE = 8  # pictures that may wait for the encoder, 22 MB at 1280×720


class VideoWriter:
    """Writes pictures into a video file of the size of the first one; others are scaled to fit.

    The file grows under a hidden name beside its final one and is renamed once it is complete; an existing file is
    never replaced. The encoder runs in a thread of its own, which a KeyboardInterrupt does not reach: what was written
    before an interruption can be played.

    Args:
        path: The file; its suffix, .mp4 or .gif, selects the format.
        rate: Pictures per second, at most `MAX_GIF_RATE` for a GIF.

    Raises:
        UserError: The file exists or cannot be written, its suffix is unknown, or there is no encoder.
    """

    def __init__(self, path: str | Path, rate: float):
        self.path = Path(path)
        self.rate = rate
        self.frames = 0
        suffix = self.path.suffix.lower()
        if suffix not in FORMATS:
            raise UserError(f"Cannot record to {str(self.path)!r}: the name must end in .mp4 or .gif.")
        if self.path.exists():
            raise UserError(f"{str(self.path)!r} exists already and is not overwritten: choose another name.")
        settings = _settings(suffix)
        self._partial = self.path.with_name(f".{self.path.stem}.{os.getpid()}-{time.time_ns()}{suffix}")
        try:
            self._partial.open("xb").close()
        except OSError as error:
            raise UserError(
                f"Cannot write into the folder {str(self.path.parent)!r}: {error.strerror or error}.", exit_code=1
            ) from error
        self._shape: tuple[int, ...] | None = None
        self._problem = ""
        self._queue: queue.Queue[Pixels | None] = queue.Queue(QUEUE_SIZE)
        self._thread = threading.Thread(target=self._encode, args=(settings,), name="rlkit-video")
        self._thread.start()

    def write(self, picture: Pixels, times: int = 1) -> None:
        """Append a picture.

        Args:
            picture: (H, W, 3) uint8; an odd side gets its last row or column twice, as H.264 needs even sides.
            times: How many frames it lasts.

        Raises:
            UserError: The encoder failed; what was written before is kept.
        """
        self._shape = self._shape or picture.shape
        if picture.shape != self._shape:
            picture = _fitted(picture, self._shape)
        odd = [(0, side % 2) for side in picture.shape[:2]]
        even = np.pad(picture, [*odd, (0, 0)], mode="edge")  # a copy: the caller may write to its array again
        for _ in range(times):
            if self._problem:
                self.close()
            self._queue.put(even)
            self.frames += 1

    def close(self) -> None:
        """Finish the file and give it its name; without any picture there is no file.

        Raises:
            UserError: The encoder or the renaming failed.
        """
        if self._thread.is_alive():
            self._queue.put(None)
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

    # In the encoder's thread

    def _encode(self, settings: dict[str, Any]) -> None:
        picture = self._queue.get()
        try:
            import imageio_ffmpeg  # type: ignore[import-untyped]

            if picture is not None:
                size = (picture.shape[1], picture.shape[0])
                encoder = imageio_ffmpeg.write_frames(str(self._partial), size, fps=self.rate, **settings)
                encoder.send(None)
                try:
                    while picture is not None:
                        encoder.send(picture)
                        picture = self._queue.get()
                finally:
                    encoder.close()
        except OSError as error:
            self._problem = f"the encoder stopped ({_first_line(error)}), perhaps because the disk is full"
        except Exception as error:  # for the main thread to raise
            self._problem = _first_line(error)
        while picture is not None:
            picture = self._queue.get()  # a full queue would block the main thread
        try:
            self._rename()
        except OSError as error:
            self._problem = f"{error.strerror or error}; what was recorded is in {str(self._partial)!r}"

    def _rename(self) -> None:
        """Give the file its name if it can be played, else remove it."""
        if not _is_playable(self._partial):
            self._partial.unlink()
            if self.frames and not self._problem:
                self._problem = "the encoder could not finish the file, perhaps because the disk is full"
            return
        if self._problem:
            self._problem += ", but what was recorded before can be played"
        try:
            os.link(self._partial, self.path)  # unlike renaming, it never replaces a file
        except FileExistsError:
            self._problem = f"a file of that name was created meanwhile; the video is {str(self._partial)!r}"
        except OSError:  # a file system without hard links
            self._partial.rename(self.path)
        else:
            self._partial.unlink()


def _fitted(pixels: Pixels, shape: tuple[int, ...]) -> Pixels:
    """A picture as large as fits into another shape, on the background colour."""
    surface = pygame.Surface((shape[1], shape[0]))
    surface.fill(BACKGROUND)
    blit_fitted(surface, to_surface(pixels), surface.get_rect())
    return pixels_of(surface)


def _is_playable(path: Path) -> bool:
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
    """Arguments of `imageio_ffmpeg.write_frames` for a format."""
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
