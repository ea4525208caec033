"""What tests of remote actors share."""

import contextlib
from pathlib import Path

from rlkit.training.progress import PlainReporter

WAITING = f"{Path(__file__).parent / 'waiting.py'}:Waiting"
SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "64", "buffer_size": "2000", "update_interval": "16"}


class Listener(PlainReporter):
    """Keeps sentences and warnings, and calls each function once the number of steps before it has been reported."""

    def __init__(self, *events):
        super().__init__(0, quiet=True)
        self.said, self.warnings = [], []
        self.events = list(events)

    def progress(self, steps, figures):
        if self.events and steps >= self.events[0][0]:
            self.events.pop(0)[1]()

    def say(self, sentence):
        self.said.append(sentence)

    def warn(self, sentence):
        self.warnings.append(sentence)


def processes(mark, title):
    """Ids of the running processes whose title begins so, and whose environment holds the mark, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                ours = mark.encode() in (entry / "environ").read_bytes()
                if ours and (entry / "cmdline").read_bytes().startswith(title.encode()):
                    found.append(int(entry.name))
    return sorted(found)
