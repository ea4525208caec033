"""The words of a captioner: numbers of tokens, and sentences as text.

A token is a word or a mark. One that begins with `JOINED` is written without a space before it, as WordPiece does
(Wu et al. 2016): ("Braking", ":", "a", "car", "##s") is "Braking: a cars".
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from rlkit.errors import UserError

PADDING, BEGIN, END, UNKNOWN = range(4)
SPECIAL = ("<padding>", "<begin>", "<end>", "<unknown>")
JOINED = "##"
MARKS = frozenset(".,;:!?%")  # written without a space before them
MOST_WORDS = 65_536
LONGEST = 64  # characters of a word


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by number; the first are the `SPECIAL` ones.

    Args:
        words: The other tokens, distinct.

    Raises:
        UserError: There are none or too many, or one is repeated, special, empty, too long or not printable.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.words) <= MOST_WORDS:
            raise UserError(f"A vocabulary has 1 to {MOST_WORDS:,} words, not {len(self.words)}.")
        for word in self.words:
            plain = isinstance(word, str) and word.isprintable() and " " not in word
            if not plain or not 1 <= len(word) <= LONGEST or word in SPECIAL:
                raise UserError(
                    f"A word of a vocabulary has 1 to {LONGEST} printable characters without spaces and is none of "
                    f"{', '.join(SPECIAL)}; {word!r:.60} is no such word."
                )
        numbers = {word: number for number, word in enumerate(self.words, len(SPECIAL))}
        if len(numbers) < len(self.words):
            twice = next(word for word, count in Counter(self.words).items() if count > 1)
            raise UserError(f"A vocabulary has distinct words; {twice!r} occurs twice.")
        object.__setattr__(self, "_numbers", numbers)

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.words)

    def number(self, word: str) -> int:
        """Number of a word; `UNKNOWN` for others."""
        numbers: dict[str, int] = self._numbers  # type: ignore[attr-defined]
        return numbers.get(word, UNKNOWN)

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Numbers of a sentence, with `BEGIN` and `END`."""
        return [BEGIN, *map(self.number, tokens), END]

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Tokens up to `END`; of special ones only unknown words are kept."""
        tokens = []
        for number in numbers:
            if number == END:
                break
            if number == UNKNOWN:
                tokens.append(SPECIAL[UNKNOWN])
            elif number > UNKNOWN:
                tokens.append(self.words[number - len(SPECIAL)])
        return tuple(tokens)

    def to_json(self) -> list[str]:
        """Return a list that `json.dumps` accepts."""
        return list(self.words)

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            ValueError: It is no list.
            UserError: Its words are invalid.
        """
        if not isinstance(tree, list):
            raise ValueError("it has no list of words")
        return cls(tuple(tree))

    @classmethod
    def of_captions(cls, captions: Iterable[Sequence[str]], least: int) -> Self:
        """The words that occur at least so often, the most frequent first.

        Raises:
            UserError: There are none.
        """
        counts = Counter(word for tokens in captions for word in tokens)
        words = sorted((word for word, count in counts.items() if count >= least), key=lambda one: (-counts[one], one))
        if not words:
            raise UserError(
                f"No word occurs {least} times in the training captions, which have {len(counts)} different words: "
                "lower min_count."
            )
        return cls(tuple(words))


def to_text(tokens: Iterable[str]) -> str:
    """A sentence as it is written."""
    text = ""
    for token in tokens:
        if token.startswith(JOINED) and len(token) > len(JOINED):
            text += token.removeprefix(JOINED)
        elif token in MARKS or not text:
            text += token
        else:
            text += f" {token}"
    return text
