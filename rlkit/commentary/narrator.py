"""`Narrator`: the sentence about the present moment of a playback, without flicker."""

import numpy as np
import numpy.typing as npt

from rlkit.commentary.facts import Facts
from rlkit.commentary.grammar import Tokens, to_text
from rlkit.commentary.sensing import Sensing
from rlkit.commentary.writers import Writer
from rlkit.env.vector import VecEnv

HELD = 3  # decisions that a new manoeuvre or cause has to last before it is told
LEAST_SHOWN = 1.0  # s that a sentence stays
DETAILS_AFTER = 2.0  # s after which a change of another slot is told


class Narrator:
    """Tells a new sentence when what is told has changed and lasted for some decisions.

    Args:
        writer: Writes the sentences.
    """

    def __init__(self, writer: Writer):
        self._writer = writer
        self._sensing: Sensing | None = None
        self._forget()

    def _forget(self) -> None:
        self._text = ""
        self._shown: Facts | None = None
        self._candidate: Facts | None = None
        self._lasted = 0  # decisions that the candidate's manoeuvre and cause have lasted
        self._age = 0  # decisions that the sentence has been shown

    def begin(self, environments: VecEnv) -> None:
        """Begin an episode.

        Raises:
            UserError: There are no facts for a commentary.
        """
        self._sensing = Sensing(environments)
        self._forget()

    def tell(self, q: npt.NDArray[np.float32] | None) -> str:
        """The sentence at the present decision.

        Args:
            q: (1, A) Q-values; None for a driver without.
        """
        assert self._sensing is not None
        self._sensing.read(q)
        if not self._sensing.is_ready(0):
            return self._text
        tokens = self._writer.write(self._sensing)
        self._consider(self._writer.grammar.parse(tokens), tokens)
        return self._text

    def _consider(self, facts: Facts | None, tokens: Tokens) -> None:
        """Show a sentence if it is due; one that is none of the grammar never is."""
        self._age += 1
        if facts is None:
            return
        same = self._candidate is not None and _gist(facts) == _gist(self._candidate)
        self._lasted = self._lasted + 1 if same else 1
        self._candidate = facts
        assert self._sensing is not None
        seconds = self._age * self._sensing.decision_time
        if self._shown is None:
            due = True
        elif _gist(facts) != _gist(self._shown):
            due = self._lasted >= HELD and seconds >= LEAST_SHOWN
        else:
            due = facts != self._shown and seconds >= DETAILS_AFTER
        if due:
            self._text, self._shown, self._age = to_text(tokens), facts, 0


def _gist(facts: Facts) -> tuple[str, str]:
    return facts.manoeuvre, facts.cause
