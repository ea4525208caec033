"""`Subtitles`: sentences and when they are shown, as a SubRip file (.srt)."""

from dataclasses import dataclass, field
from pathlib import Path

from rlkit.errors import UserError


@dataclass
class Subtitles:
    """Sentences in the order of time; equal ones that follow each other are one.

    Attributes:
        cues: Start and end in seconds, and the sentence.
    """

    cues: list[tuple[float, float, str]] = field(default_factory=list)

    def add(self, start: float, end: float, sentence: str) -> None:
        """Append what is shown from `start` to `end` (s); an empty sentence shows nothing."""
        if not sentence or end <= start:
            return
        if self.cues and self.cues[-1][2] == sentence and start - self.cues[-1][1] < 1e-6:
            self.cues[-1] = (self.cues[-1][0], end, sentence)
        else:
            self.cues.append((start, end, sentence))

    def to_text(self) -> str:
        """The content of the file."""
        return "\n".join(
            f"{number}\n{_clock(start)} --> {_clock(end)}\n{sentence}\n"
            for number, (start, end, sentence) in enumerate(self.cues, start=1)
        )

    def write(self, path: Path) -> None:
        """Write the file in UTF-8.

        Raises:
            UserError: It cannot be written.
        """
        from rlkit.utils.io import disk_errors, write_bytes  # imports torch, which playing does not need

        with disk_errors(str(path)):
            write_bytes(path, self.to_text().encode())


def subtitles_path(film: Path) -> Path:
    """The file of a film's subtitles, beside it.

    Raises:
        UserError: It exists already.
    """
    path = film.with_suffix(".srt")
    if path.exists() or path.is_symlink():
        raise UserError(f"{str(path)!r} exists already and is not overwritten: choose another name for the film.")
    return path


def _clock(seconds: float) -> str:
    """Hours, minutes, seconds and milliseconds."""
    milliseconds = round(1000.0 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d},{rest % 1000:03d}"
