"""Write MP4 and GIF files."""

import contextlib
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Self

import numpy as np
import pygame

from rlkit.errors import UserError
from rlkit.spaces import Pixels
from rlkit.utils.terminal import printable
from rlkit.viewer.ffmpeg import Encoder, EncoderError, find_ffmpeg, is_playable
from rlkit.viewer.theme import BACKGROUND, blit_fitted, pixels_of, to_surface

FORMATS = (".mp4", ".gif")
MAX_GIF_RATE = 50.0  # frames per second; browsers slow down anything faster
POLL = 0.1  # s between looks at whether the writer is being closed
QUEUE_SIZE = 8  # pictures that may wait for the encoder, 22 MB at 1280×720


class VideoWriter:
    """Writes pictures into a video file of the size of the first one; others are scaled to fit.

    The file grows under another name beside its final one (`NAME.unfinished-PID-TIME.mp4`) and is renamed once it is
    complete; an existing file is never replaced. The encoder runs in a process and a thread of its own, which an
    interruption does not reach: what was written before can be played, and a line on standard error names it.

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
        unfinished = f"{self.path.stem[:100]}.unfinished-{os.getpid()}-{time.time_ns()}{suffix}"
        self._partial = self.path.with_name(unfinished)
        self._program = find_ffmpeg()
        try:
            if os.path.lexists(self.path):
                raise UserError(f"{str(self.path)!r} exists already and is not overwritten: choose another name.")
            self.path.open("xb").close()  # whether a file may have this name
            self.path.unlink()
            self._partial.open("xb").close()
        except OSError as error:
            raise UserError(
                f"Cannot write into the folder {str(self.path.parent)!r} a file named {self.path.name!r}: "
                f"{error.strerror or error}.",
                exit_code=1,
            ) from error
        self._shape: tuple[int, ...] | None = None
        self._problem = ""
        self._closing = False
        self._queue: queue.Queue[Pixels | None] = queue.Queue(QUEUE_SIZE)
        self._thread = threading.Thread(target=self._encode, name="rlkit-video")
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
        self._closing = True
        self._thread.join()
        if self._problem:
            raise UserError(f"Recording {str(self.path)!r} failed: {self._problem}.", exit_code=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            self.close()
        except UserError as problem:
            if kind is None:
                raise
            if str(problem) != str(error):  # as `write` has raised it
                _note(str(problem))
        else:
            if kind is not None and self.frames:
                _note(f"{self.path} holds what was recorded before ({self.frames} pictures)")

    # In the encoder's thread

    def _encode(self) -> None:
        picture = self._next()
        try:
            if picture is not None:
                encoder = Encoder(self._program, self._partial, (picture.shape[1], picture.shape[0]), self.rate)
                try:
                    while picture is not None:
                        encoder.write(picture)
                        picture = self._next()
                finally:
                    encoder.close()
        except (EncoderError, UserError) as error:
            self._problem = str(error).rstrip(".")
        except Exception as error:  # for the main thread to raise
            self._problem = _first_line(error)
        while picture is not None:
            picture = self._next()  # a full queue would block the main thread
        try:
            self._rename()
        except OSError as error:
            self._problem = f"{error.strerror or error}; what was recorded is in {str(self._partial)!r}"

    def _next(self) -> Pixels | None:
        """The next picture; None after the last one, once the writer is being closed."""
        while True:
            closing = self._closing  # read first: pictures that were put before it was set are not missed
            try:
                return self._queue.get(timeout=0.0 if closing else POLL)
            except queue.Empty:
                if closing:
                    return None

    def _rename(self) -> None:
        """Give the file its name if it can be played, else remove it."""
        if not is_playable(self._program, self._partial):
            self._partial.unlink(missing_ok=True)
            if self.frames:
                self._problem = f"{self._problem or 'the file cannot be played'}; the unfinished file was removed"
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


def _note(sentence: str) -> None:
    """Print a line on standard error, if it can still be written."""
    with contextlib.suppress(OSError, ValueError):
        print(printable(sentence), file=sys.stderr, flush=True)


def _fitted(pixels: Pixels, shape: tuple[int, ...]) -> Pixels:
    """A picture as large as fits into another shape, on the background colour."""
    surface = pygame.Surface((shape[1], shape[0]))
    surface.fill(BACKGROUND)
    blit_fitted(surface, to_surface(pixels), surface.get_rect())
    return pixels_of(surface)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), repr(error)).rstrip(".:")
