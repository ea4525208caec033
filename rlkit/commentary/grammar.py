"""`Grammar`: sentences about `Facts`, generated and parsed by the same rules.

A grammar is context-free, without recursion, and written as text. A line begins with the name of a phrase, conditions
in brackets, and `->`; alternatives are separated by `|`, and lines that begin with `->` or `|` continue the one before:

    sentence -> <doing> : <reason> .
    doing [manoeuvre=braking] -> braking | slowing down
    reason [cause=cone; side!=left/right] -> a cone ahead

Facts are told by the alternatives whose conditions they meet, chosen at random; a sentence is parsed by finding the
facts that meet the conditions of all rules that lead to it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from rlkit.commentary.facts import SLOTS, Facts, Weather

Tokens = tuple[str, ...]
Values = Mapping[str, frozenset[str]]  # possible values of slots; a slot that is missing may have any

START = "sentence"
MAX_TOKENS = 64
_HEAD = re.compile(r"(?P<name>[a-z-]+)(?:\s*\[(?P<conditions>[^\]]*)\])?")
_VALUES = {name: frozenset(str(value) for value in kind) for name, kind in SLOTS.items()}
MARKS = (".", ",", ":")


@dataclass(frozen=True)
class _Rule:
    """One alternative of a phrase.

    Args:
        values: Of the slots on which it has a condition.
        symbols: Words, marks and the names of phrases in angle brackets.
    """

    values: Values
    symbols: Tokens


class Grammar:
    """The grammar of one language.

    Args:
        language: Its code, such as "en".
        text: The rules.

    Raises:
        ValueError: The text is no grammar: the message names the line.
    """

    def __init__(self, language: str, text: str):
        self.language = language
        self._rules = _read(text)
        known = {f"<{name}>" for name in self._rules}
        used = {symbol for rules in self._rules.values() for rule in rules for symbol in rule.symbols}
        missing = sorted({symbol for symbol in used if symbol.startswith("<")} - known)
        if missing or START not in self._rules:
            raise ValueError(f"the grammar has no rule for {', '.join(missing) or START}")
        self.words: Tokens = tuple(sorted(used - known))

    def generate(self, facts: Facts, generator: np.random.Generator | None = None) -> Tokens:
        """A sentence that tells the facts.

        Args:
            facts: What is told.
            generator: Chooses among the wordings; None for the first of each phrase.

        Raises:
            ValueError: No rule tells these facts.
        """
        return tuple(self._generate(START, facts.slots(), generator))

    def _generate(self, name: str, slots: Mapping[str, str], generator: np.random.Generator | None) -> Iterator[str]:
        fitting = [
            rule for rule in self._rules[name] if all(slots[slot] in values for slot, values in rule.values.items())
        ]
        if not fitting:
            raise ValueError(f"no rule of <{name}> in {self.language!r} tells {dict(slots)}")
        rule = fitting[0 if generator is None else int(generator.integers(len(fitting)))]
        for symbol in rule.symbols:
            if symbol.startswith("<"):
                yield from self._generate(symbol[1:-1], slots, generator)
            else:
                yield symbol

    def parse(self, tokens: Sequence[str]) -> Facts | None:
        """The facts that a sentence tells; None if it is no sentence of the grammar, or may tell different ones."""
        if len(tokens) > MAX_TOKENS:
            return None
        found: set[Facts] = set()
        for word, values in self._walk((f"<{START}>",), tuple(tokens), {}):
            if word is None:
                found.update(_meeting(values))
        return found.pop() if len(found) == 1 else None

    def slots_of(self, tokens: Sequence[str]) -> dict[str, str] | None:
        """What a sentence says, by `Facts.told`; None as of `parse`."""
        facts = self.parse(tokens)
        return None if facts is None else facts.told()

    def follows(self, tokens: Sequence[str]) -> frozenset[str | None]:
        """The words that may follow the beginning of a sentence; None among them where it may end."""
        possible: set[str | None] = set()
        for word, values in self._walk((f"<{START}>",), tuple(tokens), {}):
            if word not in possible and _can_be_met(values):
                possible.add(word)
        return frozenset(possible)

    def _walk(self, symbols: Tokens, tokens: Tokens, values: Values) -> Iterator[tuple[str | None, Values]]:
        """Every word that the symbols allow after the tokens, None for the end, and the values that remain possible."""
        if not symbols:
            if not tokens:
                yield None, values
            return
        first, rest = symbols[0], symbols[1:]
        if first.startswith("<"):
            for rule in self._rules[first[1:-1]]:
                narrowed = _narrow(values, rule.values)
                if narrowed is not None:
                    yield from self._walk(rule.symbols + rest, tokens, narrowed)
        elif not tokens:
            yield first, values
        elif tokens[0] == first:
            yield from self._walk(rest, tokens[1:], values)


def to_text(tokens: Sequence[str]) -> str:
    """The sentence as it is written: marks without a space before them, and the first letter of a sentence large."""
    text = ""
    for token in tokens:
        begins = not text or text.endswith(".")
        text += ("" if not text or token in MARKS else " ") + (token[:1].upper() + token[1:] if begins else token)
    return text


def _narrow(values: Values, other: Values) -> Values | None:
    """The values that meet both conditions; None if a slot has none."""
    both = dict(values)
    for slot, allowed in other.items():
        both[slot] = both.get(slot, _VALUES[slot]) & allowed
        if not both[slot]:
            return None
    return both


def _meeting(values: Values) -> Iterator[Facts]:
    """All facts that meet the conditions."""
    choices = [sorted(values.get(slot, _VALUES[slot])) for slot in SLOTS]
    for choice in itertools.product(*choices):
        try:
            yield Facts.from_slots(dict(zip(SLOTS, choice, strict=True)))
        except ValueError:  # they do not go together
            continue


@cache
def _consistent() -> tuple[tuple[str, ...], npt.NDArray[np.str_]]:
    """The slots but the weather, which goes with everything, and their values (M, 7) in all facts."""
    slots = tuple(slot for slot in SLOTS if slot != "weather")
    rows = [[facts.slots()[slot] for slot in slots] for facts in _meeting({"weather": frozenset({Weather.FAIR})})]
    return slots, np.array(rows)


def _can_be_met(values: Values) -> bool:
    """Whether some facts meet the conditions."""
    slots, rows = _consistent()
    met = np.ones(len(rows), dtype=np.bool_)
    for column, slot in enumerate(slots):
        if slot in values:
            met &= np.isin(rows[:, column], list(values[slot]))
    return bool(met.any())


def _read(text: str) -> dict[str, list[_Rule]]:
    rules: dict[str, list[_Rule]] = {}
    head: tuple[str, Values] | None = None
    for number, line in enumerate(re.sub(r"\s*\n\s*->", " ->", text).splitlines(), start=1):
        stripped = line.strip()
        if not stripped:
            continue
        where = f"line {number} of the grammar, {stripped!r}"
        if stripped.startswith("|"):
            body = stripped[1:]
        else:
            left, arrow, body = stripped.partition("->")
            match = _HEAD.fullmatch(left.strip())
            if not arrow or match is None:
                raise ValueError(f"{where}: 'name [conditions] -> words' is expected")
            head = match["name"], _conditions(match["conditions"] or "", where)
        if head is None:
            raise ValueError(f"{where}: an alternative of no phrase")
        for alternative in body.split("|"):
            rules.setdefault(head[0], []).append(_Rule(head[1], tuple(alternative.split())))
    return rules


def _conditions(text: str, where: str) -> Values:
    """Read conditions such as `cause=cone; side!=left/right`."""
    values: dict[str, frozenset[str]] = {}
    for condition in filter(None, (part.strip() for part in text.split(";"))):
        slot, equals, listed = condition.partition("=")
        excluded = slot.endswith("!")
        slot = slot.rstrip("!")
        named = frozenset(listed.split("/"))
        if not equals or slot not in _VALUES or not named <= _VALUES[slot]:
            known = ", ".join(sorted(_VALUES.get(slot, _VALUES)))
            raise ValueError(f"{where}: the condition {condition!r} cannot be met; known are {known}")
        values[slot] = (_VALUES[slot] - named) if excluded else named
    return values
