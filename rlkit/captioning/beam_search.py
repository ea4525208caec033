"""Beam search: the most probable sentences of a decoder, for several examples at once."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from rlkit.captioning.decoder import Decoder, Recalled
from rlkit.captioning.vocabulary import BEGIN, END, PADDING, UNKNOWN

LONGEST = 40  # words of a sentence
WIDTH = 3  # beams

Follows = Callable[[Sequence[int]], Collection[int]]
"""The words that may follow a sentence begun, by number; `END` among them where it may end."""


def beam_search(
    decoder: Decoder, memory: Recalled, *, width: int = WIDTH, longest: int = LONGEST, follows: Follows | None = None
) -> list[list[int]]:
    """Find the sentence with the highest mean log-probability of its words, that of its end among them.

    The search of an example ends as soon as no unfinished beam has a higher mean than the best finished one.

    Args:
        decoder: Scores words.
        memory: Of B examples.
        width: Beams of an example; 1 for greedy search.
        longest: Words after which a sentence is cut.
        follows: Restricts the words to those of a grammar.

    Returns:
        The numbers of the words of B sentences, without special ones.
    """
    count, words = len(memory.state), decoder.words
    state = np.repeat(memory.state[:, None], width, 1)
    totals = np.full((count, width), -np.inf, np.float64)
    totals[:, 0] = 0.0  # all beams begin alike: continue one of them
    last = np.full((count, width), BEGIN)
    written = np.zeros((count, width, 0), np.int64)
    best: list[tuple[float, list[int]]] = [(-np.inf, [])] * count
    active = np.arange(count)
    for length in range(1, longest + 2):
        state, scores = decoder.step(memory, state, last)
        scores[..., [PADDING, BEGIN, UNKNOWN]] = -np.inf
        if follows is not None:
            _restrict(scores, written, follows)
        if length == longest + 1:  # only the end may follow
            scores[..., np.arange(words) != END] = -np.inf
        candidates = (totals[..., None] + scores).reshape(len(active), -1)
        # A beam may end: one more than the width keeps as many unfinished ones.
        order = np.argsort(-candidates, axis=1, kind="stable")[:, : 2 * width]
        beams, chosen = np.divmod(order, words)
        sums = np.take_along_axis(candidates, order, 1)
        kept = np.zeros((len(active), width), np.int64)
        spare = np.zeros((len(active), width), np.bool_)  # beams that nothing is left for
        going = np.zeros(len(active), np.bool_)
        for row, example in enumerate(active):
            ends = (chosen[row] == END) & np.isfinite(sums[row])
            for place in np.flatnonzero(ends[:width]):
                mean = float(sums[row, place]) / length
                if mean > best[example][0]:
                    best[example] = (mean, written[row, beams[row, place]].tolist())
            others = np.flatnonzero(~ends)[:width]
            kept[row, : len(others)] = others
            spare[row, len(others) :] = True
            top = float(sums[row, others[0]]) / length if len(others) else -np.inf
            going[row] = top > best[example][0]
        rows = np.flatnonzero(going)
        if not len(rows):
            break
        picked = kept[rows]
        beams, last = (np.take_along_axis(part[rows], picked, 1) for part in (beams, chosen))
        totals = np.where(spare[rows], -np.inf, np.take_along_axis(sums[rows], picked, 1))
        state = np.take_along_axis(state[rows], beams[..., None], 1)
        written = np.concatenate([np.take_along_axis(written[rows], beams[..., None], 1), last[..., None]], 2)
        if len(rows) < len(active):
            memory, active = memory.chosen(rows), active[rows]
    return [sentence for _, sentence in best]


def _restrict(scores: npt.NDArray[np.float32], written: npt.NDArray[np.int64], follows: Follows) -> None:
    """Forbid words that cannot follow."""
    for row, beam in np.ndindex(scores.shape[:2]):
        forbidden = np.ones(scores.shape[2], np.bool_)
        forbidden[list(follows(written[row, beam].tolist()))] = False
        scores[row, beam, forbidden] = -np.inf
