"""Record a playback as a video, with or without a display."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pygame

from rlkit.errors import UserError
from rlkit.spaces import Pixels
from rlkit.viewer.frame import Frame
from rlkit.viewer.observation_panel import first_picture
from rlkit.viewer.panels import Painter
from rlkit.viewer.playback import Playback
from rlkit.viewer.subtitles import Subtitles, subtitles_path
from rlkit.viewer.theme import pixels_of
from rlkit.viewer.video import MAX_GIF_RATE, VideoWriter

SIZE = (1280, 720)
GIF_SIZE = (800, 450)  # GIF compresses badly
SMALLEST_SCENE = 480  # pixels; lower scenes are enlarged by a whole factor when recorded without panels
SMOOTH_RATE = 30.0  # pictures per second, where the environment can be drawn between two decisions
LAST_FRAME_SECONDS = 1.0  # how long the end of an episode is shown


@dataclass(frozen=True)
class Recording:
    """Result of recording.

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
    """Draws frames into a video.

    Args:
        path: File to make; its suffix, .mp4 or .gif, selects the format.
        rate: Frames per second.
        panels: Whether to draw the panels beside the scene.
        size: (width, height) in pixels with panels; None chooses by format.
        painter: Draws the frames; None for the panels of an agent.
        subtitles: Whether to write the sentences of the frames into a file of the same name, .srt, at the end.

    Raises:
        UserError: As `VideoWriter`, or the file of the subtitles exists.
    """

    def __init__(
        self,
        path: str | Path,
        rate: float,
        *,
        panels: bool = True,
        size: tuple[int, int] | None = None,
        painter: Painter | None = None,
        subtitles: bool = False,
    ):
        gif = Path(path).suffix.lower() == ".gif"
        # A GIF counts in hundredths of a second; of faster frames, every second, third ... is kept.
        self._every = math.ceil(rate / MAX_GIF_RATE) if gif else 1
        self._count = 0
        self._rate = rate
        self._subtitles = Subtitles()
        self._subtitles_path = subtitles_path(Path(path)) if subtitles else None
        self._surface = pygame.Surface(size or (GIF_SIZE if gif else SIZE)) if panels else None
        self._painter = painter or Painter()
        self.video = VideoWriter(path, rate / self._every)

    @property
    def rate(self) -> float:
        """Pictures per second of the video."""
        return self.video.rate

    def write(self, frame: Frame, times: int = 1) -> None:
        """Append a frame.

        Args:
            frame: What to draw.
            times: How many frames it lasts.

        Raises:
            UserError: The encoder failed, or there is no scene to draw without panels.
        """
        before = math.ceil(self._count / self._every)
        self._subtitles.add(self._count / self._rate, (self._count + times) / self._rate, frame.sentence or "")
        self._count += times
        kept = math.ceil(self._count / self._every) - before
        if kept:
            self.video.write(self._draw(frame), kept)

    def __enter__(self) -> Self:
        self.video.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.video.__exit__(kind, error, trace)
        if self._subtitles_path is not None and self._subtitles.cues:
            self._subtitles.write(self._subtitles_path)

    def _draw(self, frame: Frame) -> Pixels:
        if self._surface is None:
            return _scene(frame)
        self._painter.draw(self._surface, frame)
        return pixels_of(self._surface)


def record(
    playback: Playback,
    path: str | Path,
    *,
    episodes: int | None = 1,
    seconds: float | None = None,
    until: Callable[[Frame], bool] | None = None,
    panels: bool = True,
    size: tuple[int, int] | None = None,
    subtitles: bool = False,
    each: Callable[[Frame], object] | None = None,
) -> Recording:
    """Record a playback from its present moment on, as fast as it can be computed; no display is needed.

    The video plays in real time: one picture per decision, or about 30 per second where the environment can be drawn
    between two decisions. When interrupted (`KeyboardInterrupt`), what was recorded is kept.

    Args:
        playback: What to record.
        path: File to make, .mp4 or .gif; must not exist.
        episodes: Stop after this many episodes; None for as many as the playback has.
        seconds: Stop after this many simulated seconds.
        until: Called with the last frame of each episode; recording stops when it returns True.
        panels: Whether to draw the panels beside the scene.
        size: (width, height) in pixels with panels; None chooses by format.
        subtitles: As in `Recorder`.
        each: Called with every frame, for a progress display.

    Raises:
        UserError: As `VideoWriter`, or there is no scene to draw without panels.
    """
    between = max(1, round(SMOOTH_RATE / playback.rate)) if playback.smooth else 1
    rate = playback.rate * between
    most = math.inf if seconds is None else max(1, round(seconds * rate))
    done = 0
    count = 0
    with Recorder(path, rate, panels=panels, size=size, subtitles=subtitles) as recorder:
        while True:
            frame = playback.frame()
            for part in range(1, between):
                if count < most:
                    recorder.write(playback.frame(part / between))
                    count += 1
            times = 1 + (round(LAST_FRAME_SECONDS * rate) if frame.ended else 0)
            times = int(min(times, most - count))
            recorder.write(frame, times)
            count += times
            if each is not None:
                each(frame)
            if frame.ended:
                done += 1
                if done == episodes or (until is not None and until(frame)):
                    break
            if count >= most or not playback.advance():
                break
    return Recording(recorder.video.path, recorder.video.frames, recorder.rate, done)


def _scene(frame: Frame) -> Pixels:
    """The scene alone, small ones enlarged by a whole factor with hard edges: (H, W, 3) uint8."""
    scene = frame.scene if frame.scene is not None else first_picture(frame.inputs, frame.leaves)
    if scene is None:
        raise UserError(f"{frame.environment} draws no picture, so it can only be recorded with panels.")
    if scene.shape[0] >= SMALLEST_SCENE // 2:
        return scene
    zoom = math.ceil(SMALLEST_SCENE / scene.shape[0])
    return scene.repeat(zoom, axis=0).repeat(zoom, axis=1)
