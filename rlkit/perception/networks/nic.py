"""A captioner: encoder, attention and a recurrent decoder (NIC, Vinyals et al. 2015; attention of Xu et al. 2015).

The encoder is the detector's. What attention looks at are positions of the picture and the objects that the detector
finds (bottom-up attention, Anderson et al. 2018).
"""

from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.nn.layers import Dropout
from rlkit.perception.networks.centernet import CenterNetCompact
from rlkit.perception.networks.decoding import Candidates
from rlkit.perception.networks.shared_encoder import COMMON, SharedEncoder

GRID = (24, 32)  # rows and columns to which features are pooled: those of a picture of 96×128 as they are
MOST_OBJECTS = 6  # of a picture
LEAST_SCORE = 0.1  # of an object
MEASURES = 8  # numbers of an object beside the score of each kind
MEMORY = 64  # numbers of a position and of an object
LAYOUT = 96  # numbers of the layout of the picture, which its features are flattened to
SCENE = 64  # numbers of all objects together
SUMMARY = 128  # numbers of the whole example
HEADS, KEY = 4, 64  # of attention (Vaswani et al. 2017); numbers of all heads together
HIDDEN = 96  # state of the decoder
WORD = 48  # embedding of a word


class Encoded(NamedTuple):
    """Features of B examples.

    Args:
        grid: (B, `COMMON`, *`GRID`), of the newest picture.
        objects: (B, F, K, T), see `measures`, of every picture, the newest first; K = 0 for an encoder that finds none.
    """

    grid: Tensor
    objects: Tensor


class Memory(NamedTuple):
    """What the decoder is given of B examples.

    Args:
        keys: (B, P, `KEY`), by which positions and objects are found.
        values: (B, P, `MEMORY`), what they are.
        state: (B, `HIDDEN`), the decoder's first state.
        summary: (B, `SUMMARY`), the whole example.
    """

    keys: Tensor
    values: Tensor
    state: Tensor
    summary: Tensor

    def repeated(self, rows: Tensor) -> Self:
        """Those of the examples `rows`, (N,) int64."""
        return type(self)(*(part[rows] for part in self))


class NICCompact(nn.Module):
    """Words about one or more pictures.

    Of the newest picture the decoder is given features at 12×16 positions, of all pictures the nearest objects: each
    with the one of the same rank a picture before, and the signals. A GRU writes word after word; at each it looks at
    positions and objects again. Words are scored by their embeddings (Inan et al. 2017).

    Args:
        words: Size of the vocabulary.
        frames: Pictures of an example.
        signals: Further numbers of an example.
        objects: Kinds of objects that the encoder finds; 0 for an encoder that finds none.
    """

    def __init__(self, words: int, frames: int = 1, signals: int = 0, objects: int = 0):
        super().__init__()
        self.frames = frames
        self.kinds = objects
        self.frozen = False
        self.encoder = CenterNetCompact(objects) if objects else SharedEncoder()
        self.near = nn.Conv2d(COMMON, 48, 3, stride=2, padding=1)
        self.fusion = nn.Conv2d(48, MEMORY, 3, padding=1)
        self.position = nn.Parameter(torch.zeros(MEMORY, GRID[0] // 2, GRID[1] // 2))
        self.reduction = nn.Conv2d(MEMORY, 16, 3, stride=2, padding=1)
        self.layout = nn.Linear(16 * (GRID[0] // 4) * (GRID[1] // 4), LAYOUT)
        summarised = MEMORY + LAYOUT + signals
        if objects:
            each = frames * (objects + MEASURES)
            self.object = _perceptron(each + 2 * signals, MEMORY, MEMORY)
            self.scene = _perceptron(MOST_OBJECTS * each + signals, 2 * SCENE, SCENE)
            summarised += MOST_OBJECTS * MEMORY + SCENE
        self.summary = _perceptron(summarised, SUMMARY, SUMMARY)
        self.keys = nn.Linear(MEMORY, KEY)
        self.start = nn.Linear(SUMMARY, HIDDEN)
        self.embedding = nn.Embedding(words, WORD)
        self.query = nn.Linear(HIDDEN, KEY, bias=False)
        self.input = nn.Linear(WORD + SUMMARY, 3 * HIDDEN)
        self.context = nn.Linear(MEMORY, 3 * HIDDEN, bias=False)
        self.recurrent = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.deep = nn.Linear(HIDDEN + MEMORY, WORD)
        self.score_bias = nn.Parameter(torch.zeros(words))
        self.dropout = Dropout(0.0)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the decoder's weights that `kaiming_init_` does not: embeddings, positions, and orthogonal gates."""
        for table in (self.embedding.weight, self.position):
            table.normal_(0, 0.1, generator=generator)
        for gate in self.recurrent.weight.chunk(3):
            nn.init.orthogonal_(gate, generator=generator)

    def freeze_encoder(self) -> None:
        """Train the decoder alone."""
        self.frozen = True
        self.encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def encode(self, images: Tensor) -> Encoded:
        """Features of N single pictures, (N, 3, H, W) floats from 0 to 1, as examples of one picture each."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features, grid = self.encoder.common(images)
            if grid.shape[-2:] != GRID:
                grid = F.adaptive_avg_pool2d(grid, GRID)
            if not isinstance(self.encoder, CenterNetCompact):
                return Encoded(grid, grid.new_zeros(len(images), 1, 0, MEASURES))
            height, width = images.shape[-2:]
            found = self.encoder.candidates(self.encoder.found(features).floats(), (height, width), MOST_OBJECTS)
            return Encoded(grid, measures(found, self.kinds, (height, width))[:, None])

    def remember(self, encoded: Encoded, signals: Tensor) -> Memory:
        """What the decoder is given.

        Args:
            encoded: Of B examples.
            signals: (B, S).
        """
        grid, objects = encoded
        grid = F.relu(self.fusion(F.relu(self.near(grid))) + self.position)
        layout = F.relu(self.layout(F.relu(self.reduction(grid)).flatten(1)))
        values = grid.flatten(2).transpose(1, 2)
        parts = [grid.mean((2, 3)), layout, signals]
        if self.kinds:
            each = objects.transpose(1, 2).flatten(2)
            known = signals[:, None].expand(-1, each.shape[1], -1)
            # A predicted path lies aside by half its curvature times the square of the distance.
            square = objects[:, 0, :, self.kinds + 1 : self.kinds + 2].square()
            found = self.object(torch.cat([each, known, square * known], 2))
            values = torch.cat([values, found], 1)
            parts += [found.flatten(1), self.scene(torch.cat([objects.flatten(1), signals], 1))]
        summary = self.summary(torch.cat(parts, 1))
        return Memory(self.keys(values), values, torch.tanh(self.start(summary)), summary)

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        """Scores of the word after each one, by teacher forcing.

        Args:
            memory: Of B examples.
            tokens: (B, T) int64, sentences from `BEGIN` on.

        Returns:
            (B, T, V) logits.
        """
        count, length = tokens.shape
        words = self.dropout(self.embedding(tokens))
        summary = memory.summary[:, None].expand(-1, length, -1)
        inputs = self.input(torch.cat([words, summary], 2))
        keys = memory.keys.view(count, -1, HEADS, KEY // HEADS).permute(0, 2, 3, 1)
        values = memory.values.view(count, -1, HEADS, MEMORY // HEADS).transpose(1, 2)
        state, outputs = memory.state, []
        for step in range(length):
            query = self.query(state).view(count, HEADS, 1, KEY // HEADS)
            weights = torch.softmax(query @ keys * (KEY // HEADS) ** -0.5, -1)
            seen = (weights @ values).reshape(count, MEMORY)
            state = gated(inputs[:, step] + self.context(seen), self.recurrent(state), state)
            outputs.append(torch.cat([state, seen], 1))
        hidden = torch.tanh(self.deep(self.dropout(torch.stack(outputs, 1))))
        return F.linear(hidden, self.embedding.weight, self.score_bias)

    def forward(self, examples: Tensor | Encoded, signals: Tensor, tokens: Tensor) -> Tensor:
        """Scores of words.

        Args:
            examples: (B, F, 3, H, W) floats from 0 to 1, or their features.
            signals: (B, S).
            tokens: (B, T), see `decode`.

        Returns:
            (B, T, V) logits.
        """
        encoded = examples if isinstance(examples, Encoded) else self.encode_examples(examples)
        return self.decode(self.remember(encoded, signals), tokens)

    def encode_examples(self, images: Tensor) -> Encoded:
        """Features of examples: (B, F, 3, H, W) floats from 0 to 1."""
        grid, objects = self.encode(images.flatten(0, 1))
        return Encoded(grid[:: images.shape[1]], objects.view(*images.shape[:2], *objects.shape[2:]))


def measures(found: Candidates, kinds: int, size: tuple[int, int]) -> Tensor:
    """Objects as numbers of the order of 1, the nearest first: (B, K, `kinds` + `MEASURES`); zeros where there is none.

    Args:
        found: The K most certain candidates of B pictures.
        kinds: Kinds of objects.
        size: Height and width of the pictures, in pixels.

    Returns:
        The score at the place of the kind; logarithm of the distance, the distance, how far the object is to the right,
        left and right end, height and lower end of its box, and the inverse of the distance.
    """
    height, width = size
    certain = found.scores > LEAST_SCORE
    order = torch.where(certain, found.distances, torch.inf).argsort(dim=1, stable=True)
    x1, y1, x2, y2 = found.boxes.unbind(2)
    distance = found.distances.clamp(min=1.0)
    aside = (0.5 * (x1 + x2) / width - 0.5) * distance  # over the tangent of the field of view
    shape = (x1 / width, x2 / width, 5.0 * (y2 - y1) / height, y2 / height)
    numbers = torch.stack([distance.log() / 3.0, distance / 20.0, aside / 4.0, *shape, 5.0 / distance], 2)
    rows = torch.cat([F.one_hot(found.labels, kinds) * found.scores[..., None], numbers], 2) * certain[..., None]
    return rows.gather(1, order[..., None].expand_as(rows))


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs), nn.ReLU())


def gated(inputs: Tensor, recurrent: Tensor, state: Tensor) -> Tensor:
    """The next state of a GRU (Cho et al. 2014).

    Args:
        inputs: (B, 3·H), for the gates reset and update and for the new state.
        recurrent: (B, 3·H), the same from the state.
        state: (B, H).
    """
    reset_in, update_in, new_in = inputs.chunk(3, 1)
    reset_of, update_of, new_of = recurrent.chunk(3, 1)
    update = torch.sigmoid(update_in + update_of)
    new = torch.tanh(new_in + torch.sigmoid(reset_in + reset_of) * new_of)
    return new + update * (state - new)
