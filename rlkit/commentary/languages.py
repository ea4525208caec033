"""The languages of commentaries, by their code."""

from rlkit.commentary.english import ENGLISH
from rlkit.commentary.grammar import Grammar
from rlkit.commentary.korean import KOREAN
from rlkit.errors import UserError

GRAMMARS: dict[str, Grammar] = {grammar.language: grammar for grammar in (ENGLISH, KOREAN)}


def find_grammar(language: str) -> Grammar:
    """The grammar of a language.

    Raises:
        UserError: There is none.
    """
    if language not in GRAMMARS:
        raise UserError(f"There are no commentaries in {language!r}: expected one of {', '.join(GRAMMARS)}.")
    return GRAMMARS[language]
