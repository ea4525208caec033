"""Slot accuracy: whether sentences of a grammar say what is true."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rlkit.captioning.datasets.base import CaptionedImages, Grammar, Tokens


@dataclass(frozen=True)
class SlotResult:
    """Slots of the sentences of some pictures.

    Args:
        by_slot: Share of the pictures whose sentence is right in this slot, of those where sentence or truth has it.
        grammatical: Share of the sentences that the grammar knows; NaN without any.
        pictures: Number of sentences.
    """

    by_slot: dict[str, float] = field(default_factory=dict)
    grammatical: float = math.nan
    pictures: int = 0

    @property
    def mean(self) -> float:
        """Mean over the slots; NaN without any."""
        return sum(self.by_slot.values()) / len(self.by_slot) if self.by_slot else math.nan

    def to_json(self) -> dict[str, object]:
        """Return a tree that `json.dumps` accepts."""
        return {"slots": self.by_slot, "slots_mean": self.mean, "grammatical": self.grammatical}


class SlotAccuracy:
    """Counts right slots.

    Args:
        grammar: Says what a sentence says; None to count nothing.
    """

    def __init__(self, grammar: Grammar | None):
        self._grammar = grammar
        self._right: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._parsed = self._pictures = 0

    def measures(self, batch: CaptionedImages) -> bool:
        """Whether there is anything to count of a batch."""
        return self._grammar is not None and batch.slots is not None

    def add(self, batch: CaptionedImages, sentences: Sequence[Tokens]) -> None:
        """Count the sentences about a batch; nothing without a grammar and true slots."""
        if self._grammar is None or batch.slots is None:
            return
        for truth, tokens in zip(batch.slots, sentences, strict=True):
            said = self._grammar.slots_of(tokens)
            self._pictures += 1
            self._parsed += said is not None
            for name in truth.keys() | (said or {}).keys():
                self._asked[name] += 1
                self._right[name] += said is not None and said.get(name) == truth.get(name)

    def result(self) -> SlotResult:
        """The shares."""
        shares = {name: self._right[name] / count for name, count in sorted(self._asked.items())}
        return SlotResult(shares, self._parsed / self._pictures if self._pictures else math.nan, self._pictures)
