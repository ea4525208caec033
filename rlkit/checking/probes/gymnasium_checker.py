"""Gymnasium's own checker, its assertions and remarks told in the words of a report."""

import contextlib
import io
import re
import warnings

from gymnasium.utils.env_checker import check_env

from rlkit.checking.probes.play import close
from rlkit.checking.subject import Subject
from rlkit.foreign_errors import describe_error

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
# Not worth a line: bounds at infinity are honest, continuous actions are put on a grid here, and seeding is tried anew.
OVERHEARD = ("-infinity", "is infinity", "symmetric and normalized", "different from the unwrapped", "not within the")


def run_checker(subject: Subject) -> None:
    """Let Gymnasium's checker look; what it says counts as a fault only where nothing else was found to be one.

    Raises:
        Halted: The environment cannot be made.
    """
    if subject.spec.entry_point is None:  # a batch of one is not what it looks at
        return
    env = subject.make()
    subject.pulse("Gymnasium's checker", True)
    known = any(found.level == "fault" for found in subject.found.values())
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            check_env(env.unwrapped, skip_render_check=True)
        except (Exception, SystemExit) as error:
            said = _first_sentence(str(error)) if isinstance(error, AssertionError) else describe_error(error)
            subject.write_down("gymnasium-says" if known else "gymnasium", said)
        finally:
            close(env)
    remarks = [_first_sentence(str(warning.message)) for warning in caught]
    remarks = [remark for remark in remarks if not any(part in remark for part in OVERHEARD)]
    if remarks:
        more = f" (and {len(remarks) - 1} more)" if len(remarks) > 1 else ""
        subject.write_down("gymnasium-says", f"{remarks[0]}{more}")


def _first_sentence(text: str) -> str:
    text = ESCAPES.sub("", text).strip().removeprefix("WARN: ")
    return text.splitlines()[0] if text else "an assertion without a word"
