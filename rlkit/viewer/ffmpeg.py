"""The ffmpeg process that encodes a video, and the reason if it fails."""

import errno
import functools
import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from rlkit.errors import UserError
from rlkit.spaces import Pixels

# By preference; the first that works here is used.
H264_ENCODERS = ("libx264", "h264_nvenc", "h264_vaapi", "libopenh264", "h264_videotoolbox", "h264_qsv", "h264_mf")
PROBE_SECONDS = 60.0  # that a call without a video may take

_GIF = [
    # A palette per picture needs no second pass, and no memory that grows with the length.
    *("-pix_fmt", "pal8", "-filter_complex"),
    "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none",
    *("-loop", "0"),
]
_MP4 = [
    *("-pix_fmt", "yuv420p", "-vf", "scale=out_color_matrix=bt709:out_range=tv"),
    # Players guess the colours of a video that does not name them.
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-movflags", "+faststart"),
]
_REASONS = {  # ffmpeg's words for errors of the disk
    os.strerror(errno.ENOSPC): "the disk is full",
    os.strerror(errno.EDQUOT): "the disk quota is used up",
    os.strerror(errno.EFBIG): "the limit on the size of a file is reached (ulimit -f)",
}


class EncoderError(Exception):
    """ffmpeg failed; the message is the reason."""


def find_ffmpeg() -> str:
    """Path of an ffmpeg that works.

    Raises:
        UserError: There is none, or it cannot be run.
    """
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]

        program: str = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"Cannot record without ffmpeg: {error} It comes with: pip install 'imageio[ffmpeg]'", exit_code=1
        ) from error
    reason = _fault(program)
    if reason:
        named = "IMAGEIO_FFMPEG_EXE names" if os.environ.get("IMAGEIO_FFMPEG_EXE") else "imageio-ffmpeg gives"
        remedy = "correct or unset it" if "EXE" in named else "install it again: pip install 'imageio[ffmpeg]'"
        raise UserError(f"Cannot record without ffmpeg: {named} {program}, {reason}; {remedy}.", exit_code=1)
    return program


@functools.cache
def h264_encoder(program: str) -> str:
    """The first encoder of H.264 that works here.

    Raises:
        UserError: There is none.
    """
    source = ["-hide_banner", "-v", "error", "-f", "lavfi", "-i", "nullsrc=s=256x256:d=0.2"]
    for name in H264_ENCODERS:
        if _call([program, *source, "-vcodec", name, "-f", "null", "-"]).returncode == 0:
            return name
    raise UserError(f"Cannot record as .mp4: {program} has no encoder of H.264; record a .gif.", exit_code=1)


class Encoder:
    """A process that encodes pictures into a file.

    Args:
        program: ffmpeg.
        path: The file, .mp4 or .gif, which is overwritten.
        size: (width, height) of the pictures.
        rate: Pictures per second.

    Raises:
        UserError: There is no encoder for this format.
        EncoderError: The process cannot be started.
    """

    def __init__(self, program: str, path: Path, size: tuple[int, int], rate: float):
        source = ["-f", "rawvideo", "-vcodec", "rawvideo", "-s", "{}x{}".format(*size), "-pix_fmt", "rgb24"]
        source += ["-r", str(Fraction(rate).limit_denominator()), "-i", "-", "-an", "-vcodec"]
        if path.suffix.lower() == ".gif":
            target = ["gif", *_GIF]
        else:
            encoder = h264_encoder(program)
            target = [encoder, *(["-crf", "20"] if encoder == "libx264" else ["-qscale:v", "13"]), *_MP4]
        self._said = b""
        try:
            # In a process group of its own, which signals to this one do not reach: it finishes the file.
            self._process = subprocess.Popen(
                [program, "-y", *source, *target, "-v", "error", _address(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            raise EncoderError(f"ffmpeg cannot be started: {error.strerror or error}") from error
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def write(self, picture: Pixels) -> None:
        """Encode an (H, W, 3) uint8 picture.

        Raises:
            EncoderError: ffmpeg has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(picture.data)
        except OSError as error:
            raise EncoderError(self._reason() or f"ffmpeg ended ({error.strerror or error})") from error

    def close(self) -> None:
        """Finish the file.

        Raises:
            EncoderError: It could not be finished.
        """
        assert self._process.stdin is not None
        broken = False
        try:
            self._process.stdin.close()
        except OSError:
            broken = True
        reason = self._reason()
        if reason or broken:
            raise EncoderError(reason or "ffmpeg ended")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said = (self._said + line)[-4096:]

    def _reason(self) -> str:
        """Why the process failed, once it has ended; empty if it has not."""
        code = self._process.wait()
        self._listener.join()
        said = self._said.decode(errors="replace")
        if code == 0:
            return ""
        for words, reason in _REASONS.items():
            if words in said:
                return reason
        if code == -getattr(signal, "SIGXFSZ", 0):
            return _REASONS[os.strerror(errno.EFBIG)]
        if code < 0:
            return f"ffmpeg was ended by signal {-code}"
        lines = said.strip().splitlines()
        return f"ffmpeg failed: {lines[-1].strip()}" if lines else f"ffmpeg failed with status {code}"


def is_playable(program: str, path: Path) -> bool:
    """Whether a video can be read to its end; nothing is decoded."""
    try:
        found = _call([program, "-i", _address(path), "-map", "0:v:0", "-c", "copy", "-f", "null", "-"])
    except OSError:
        return False
    counts = re.findall(rb"frame=\s*([0-9]+)", found.stderr)
    return found.returncode == 0 and bool(counts) and int(counts[-1]) > 0


def _address(path: Path) -> str:
    """A path for ffmpeg, which takes what stands before a colon for a protocol, and a hyphen for an option."""
    return f"file:{path}"


def _fault(program: str) -> str:
    """Why a program is no ffmpeg that works; empty if it is one."""
    try:
        found = _call([program, "-version"])
    except OSError as error:
        reasons = {errno.ENOENT: "which does not exist", errno.EACCES: "which may not be executed"}
        return reasons.get(error.errno or 0, f"which cannot be run ({error.strerror or error})")
    except subprocess.TimeoutExpired:
        return "which does not answer"
    if found.returncode != 0:
        return f"which fails with status {found.returncode}"
    return "" if b"ffmpeg version" in found.stdout else "which is another program"


def _call(command: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    """Run a program without input, in a process group of its own."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, process_group=0, check=False
    )
