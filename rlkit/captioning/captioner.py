"""A captioner: load it, describe pictures, save it; for its file see `rlkit.perception.model.find_model`."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rlkit.captioning.beam_search import WIDTH, beam_search
from rlkit.captioning.datasets.base import Grammar, Tokens
from rlkit.captioning.decoder import Decoder, Recalled
from rlkit.captioning.features import Features
from rlkit.captioning.vocabulary import END, Vocabulary
from rlkit.errors import UserError
from rlkit.perception.config import PRETRAINED
from rlkit.perception.detector import load_detector
from rlkit.perception.model import find_model, for_inference, input_parts, load_weights, save_weights
from rlkit.perception.model_card import CAPTIONER_FORMAT, basic_fields, check_kinds
from rlkit.perception.networks import build_captioner
from rlkit.perception.networks.nic import NICCompact
from rlkit.spaces import Pixels, is_word
from rlkit.utils.card import parse_card, read_header
from rlkit.utils.io import sha256

Floats = npt.NDArray[np.float32]
MOST_FRAMES, MOST_SIGNALS = 16, 1024
AT_ONCE = 64  # examples that are decoded together
BEGINNINGS = 20_000  # of sentences, whose next words are kept


@dataclass(frozen=True)
class CaptionerCard:
    """Description of a captioner, stored in the header of its weights file.

    Args:
        network: A key of `networks.CAPTIONERS`.
        size: Height and width of the training pictures.
        vocabulary: Its words.
        frames: Pictures of an example.
        signals: Names of the further numbers of an example.
        objects: Kinds of objects that its encoder finds; () for an encoder that finds none.
        language: Code of the language; "" if unknown.
        trained: Data, steps, seed and versions of the training.
        encoder: The shipped detector whose encoder it is, `pretrained:NAME`, if the file lacks the encoder's weights.
        encoder_sha256: Digest of that detector's file.
    """

    network: str
    size: tuple[int, int]
    vocabulary: Vocabulary
    frames: int
    signals: tuple[str, ...]
    objects: tuple[str, ...] = ()
    language: str = ""
    trained: Mapping[str, Any] = field(default_factory=dict)
    encoder: str = ""
    encoder_sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts."""
        tree = dataclasses.asdict(self) | {"words": self.vocabulary.to_json(), "trained": dict(self.trained)}
        del tree["vocabulary"]
        return tree

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            ValueError: The tree has another form.
            UserError: The vocabulary is invalid.
        """
        network, size, trained = basic_fields(tree)
        vocabulary = Vocabulary.from_json(tree.get("words"))
        frames, signals = check_inputs(tree.get("frames"), tree.get("signals"))
        language, encoder, digest = (tree.get(key, "") for key in ("language", "encoder", "encoder_sha256"))
        for text in (language, encoder, digest):
            if not isinstance(text, str) or not is_word(text):
                raise ValueError(f"{text!r:.60} is no short text")
        if encoder and not encoder.startswith(PRETRAINED):
            raise ValueError(f"the encoder {encoder!r:.60} does not ship: expected {PRETRAINED}NAME")
        return cls(
            network,
            size,
            vocabulary,
            frames,
            signals,
            parsed_kinds(tree.get("objects")),
            language,
            trained,
            encoder,
            digest,
        )


def parsed_kinds(objects: Any) -> tuple[str, ...]:
    """The kinds of objects, as JSON holds them; () for none.

    Raises:
        ValueError: They are no list.
        UserError: They are no kinds of objects.
    """
    if not isinstance(objects, list):
        raise ValueError(f"objects = {objects!r:.60} is no list of names")
    return check_kinds(tuple(objects)) if objects else ()


def check_inputs(frames: Any, signals: Any) -> tuple[int, tuple[str, ...]]:
    """The number of pictures and the names of the signals of an example, as JSON holds them.

    Raises:
        ValueError: They are none.
    """
    if type(frames) is not int or not 1 <= frames <= MOST_FRAMES:
        raise ValueError(f"frames = {frames!r:.60} is no number of pictures from 1 to {MOST_FRAMES}")
    if not isinstance(signals, list) or len(signals) > MOST_SIGNALS:
        raise ValueError(f"signals = {signals!r:.60} is no list of at most {MOST_SIGNALS} names")
    if not all(isinstance(name, str) and is_word(name) for name in signals):
        raise ValueError(f"signals = {signals!r:.60} are no short names")
    return frames, tuple(signals)


class Captioner:
    """A captioner with its card, in evaluation mode.

    Sentences are found by beam search. Where pictures follow each other, `encode` each once and keep its features for
    `describe_encoded`: the encoder takes most of the time.

    Args:
        network: One of `networks.CAPTIONERS`.
        card: Its vocabulary, inputs and training.
        device: torch device of the encoder; words are written on the CPU.
        width: Beams of the search; 1 for greedy search.
        fuse: Run a copy of the encoder with batch normalisation folded into the convolutions.
    """

    def __init__(
        self, network: NICCompact, card: CaptionerCard, device: str = "cpu", *, width: int = WIDTH, fuse: bool = False
    ):
        self.network: NICCompact = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.card = card
        self.device = device
        self.width = width
        self._network = for_inference(self.network, fuse=fuse, precision="float32")
        self._decoder = Decoder(self.network)
        self._grammar: Grammar | None = None  # that of `_following`
        self._following: Callable[[tuple[int, ...]], frozenset[int]] = lambda begun: frozenset()

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def describe(
        self, images: Pixels, signals: Floats | None = None, grammar: Grammar | None = None
    ) -> list[tuple[str, ...]]:
        """Describe examples.

        Args:
            images: (N, F, H, W, 3) uint8, the newest picture of each example first.
            signals: (N, S) float32; None for a captioner without signals.
            grammar: A sentence that is none of it is searched for again, word by word within it.

        Returns:
            The tokens of N sentences, for `vocabulary.to_text`.
        """
        return self.describe_encoded(self.encode_examples(images), signals, grammar)

    def encode_examples(self, images: Pixels) -> Features:
        """Features of examples, (N, F, H, W, 3) uint8, the newest picture of each first."""
        if images.ndim != 5:
            raise ValueError(f"images must be (N, F, H, W, 3) uint8, not {images.shape} {images.dtype}")
        features = self.encode(images.reshape(-1, *images.shape[2:]))
        objects = features.objects.reshape(*images.shape[:2], *features.objects.shape[2:])
        return Features(features.grid[:: images.shape[1]], objects)

    @torch.inference_mode()
    def encode(self, images: Pixels) -> Features:
        """Features of single pictures, (N, H, W, 3) uint8, as examples of one picture each."""
        parts = [Features.of(self._network.encode(part)) for part in input_parts(images, self.device)]
        return parts[0] if len(parts) == 1 else Features.joined(parts)

    @torch.inference_mode()
    def describe_encoded(
        self, features: Features, signals: Floats | None = None, grammar: Grammar | None = None
    ) -> list[tuple[str, ...]]:
        """Describe examples by their features.

        Args:
            features: Of `encode_examples`, or of single pictures by `Features.of_pictures`.
            signals: As in `describe`.
            grammar: As in `describe`.
        """
        expected = (len(features), len(self.card.signals))
        given = np.zeros((len(features), 0), np.float32) if signals is None else signals
        frames = features.objects.shape[1]
        if given.shape != expected or frames != self.card.frames:
            raise ValueError(
                f"features of {self.card.frames} pictures and signals of shape {expected} are needed for each example, "
                f"not of {frames} pictures and {given.shape}"
            )
        sentences: list[tuple[str, ...]] = []
        for start in range(0, len(features), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            memory = self._network.remember(
                features.part(some).encoded(self.device),
                torch.from_numpy(np.ascontiguousarray(given[some], np.float32)).to(self.device),
            )
            recalled = self._decoder.recall(memory)
            found = [*map(self.card.vocabulary.decode, beam_search(self._decoder, recalled, width=self.width))]
            if grammar is not None:
                self._search_again(recalled, found, grammar)
            sentences += found
        return sentences

    def _search_again(self, recalled: Recalled, found: list[Tokens], grammar: Grammar) -> None:
        """Replace the sentences that are none of the grammar."""
        wrong = [row for row, tokens in enumerate(found) if grammar.slots_of(tokens) is None]
        if not wrong:
            return
        if self._grammar is not grammar:  # words that may follow are kept: to find them takes milliseconds
            self._grammar, self._following = grammar, lru_cache(BEGINNINGS)(partial(_following, grammar, self.card))
        following = self._following

        def follows(begun: Sequence[int]) -> frozenset[int]:
            return following(tuple(begun))

        some = recalled.chosen(np.array(wrong))
        again = beam_search(self._decoder, some, width=self.width, follows=follows)
        for row, numbers in zip(wrong, again, strict=True):
            found[row] = self.card.vocabulary.decode(numbers)

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically, with the card in its header.

        Raises:
            UserError: It cannot be written.
        """
        save_weights(path, self.network, CAPTIONER_FORMAT, self.card.to_json())


def _following(grammar: Grammar, card: CaptionerCard, begun: tuple[int, ...]) -> frozenset[int]:
    """The words that may follow, by number."""
    words = grammar.follows(card.vocabulary.decode(begun))
    return frozenset(END if word is None else card.vocabulary.number(word) for word in words)


def read_captioner_card(path: Path) -> CaptionerCard:
    """Read the card in the header of a captioner's weights, without its weights.

    Raises:
        UserError: There is no such file, or it is no captioner of rlkit.
    """
    header = read_header(path, "model")
    if header.get("format") != CAPTIONER_FORMAT:
        raise UserError(f"{path} holds no captioner of rlkit: its header lacks the format {CAPTIONER_FORMAT!r}.")
    return parse_card(path, header, CaptionerCard.from_json)


def load_captioner(path: Path, *, device: str = "cpu", width: int = WIDTH, fuse: bool = True) -> Captioner:
    """Load a captioner from its file, whose weights may be stored in float16.

    Args:
        path: Its safetensors file.
        device: torch device of the encoder.
        width: As in `Captioner`.
        fuse: As in `Captioner`.

    Raises:
        UserError: The file is missing or damaged, is no captioner, or its vocabulary or weights do not fit.
    """
    card = read_captioner_card(path)
    network = build_captioner(card.network, len(card.vocabulary), card.frames, len(card.signals), len(card.objects))
    _check_words(path, card)
    load_weights(path, network, card.network, _encoder_weights(path, card, network) if card.encoder else None)
    own = dataclasses.replace(card, encoder="", encoder_sha256="")
    return Captioner(network, own, device, width=width, fuse=fuse)


def _encoder_weights(path: Path, card: CaptionerCard, network: NICCompact) -> dict[str, Tensor]:
    """The encoder's weights, of the detector that has them.

    Raises:
        UserError: It does not ship, or is another one.
    """
    file = find_model(card.encoder)
    if sha256(file) != card.encoder_sha256:
        raise UserError(f"{path} needs another version of {card.encoder} than the one that ships with this rlkit.")
    weights = load_detector(file, fuse=False).network.state_dict()
    return {f"encoder.{name}": weights[name] for name in network.encoder.state_dict()}


def _check_words(path: Path, card: CaptionerCard) -> None:
    """Check that the weights are for as many words as the vocabulary has.

    Raises:
        UserError: They are not.
    """
    try:
        with safe_open(path, "pt") as file:
            stored = file.get_slice("embedding.weight").get_shape()[0]
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}", exit_code=1) from error
    if stored != len(card.vocabulary):
        raise UserError(
            f"The vocabulary of {path} does not fit its weights: it has {len(card.vocabulary)} words and special tokens"
            f", and the weights (embedding.weight) are for {stored}.",
            exit_code=1,
        )
