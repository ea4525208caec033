"""The card in the header of a safetensors file: JSON text that says what the weights are."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open

from rlkit.errors import UserError
from rlkit.utils import paths
from rlkit.utils.parsing import parse_json
from rlkit.utils.terminal import check_texts

T = TypeVar("T")


def read_header(path: Path, what: str, max_bytes: int | None = None) -> dict[str, str]:
    """Read the texts in the header of a safetensors file, without its tensors.

    Args:
        path: The file.
        what: It holds, such as "model".
        max_bytes: Largest size of the file; None for any.

    Raises:
        UserError: There is no such file, it is too large, or it is damaged or something else.
    """
    if not path.is_file():
        raise UserError(f"There is no {what} at {path}.")
    paths.open_regular(path).close()
    size = path.stat().st_size
    if max_bytes is not None and size > max_bytes:
        raise UserError(f"{path} has {size / 2**20:.0f} MiB: expected at most {max_bytes / 2**20:.0f} MiB", exit_code=1)
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a safetensors file, or damaged: {error}.", exit_code=1) from error


def parse_card(
    path: Path, header: Mapping[str, str], parse: Callable[[Any], T], max_characters: int | None = None
) -> T:
    """Parse the card in a header.

    Args:
        path: The file, for messages.
        header: As `read_header` returned it.
        parse: Makes the card of its JSON tree.
        max_characters: Most characters of the card; None for any number.

    Raises:
        UserError: The header has no card, or the card is damaged.
    """
    try:
        text = header["card"]
        if max_characters is not None and len(text) > max_characters:
            raise ValueError(f"the card has more than {max_characters:,} characters")
        tree = parse_json(text)
        check_texts(tree)
        return parse(tree)
    except KeyError as error:
        raise UserError(f"The header of {path} is damaged: it lacks {error}.", exit_code=1) from error
    except (UserError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"The header of {path} is damaged: {error}", exit_code=1) from error
