"""A captioner: encoder, attention and a recurrent decoder (NIC, Vinyals et al. 2015; attention of Xu et al. 2015).

The encoder is the detector's, so that the positions which attention looks at know of objects and their distance.
"""

from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.nn.layers import Dropout
from rlkit.perception.networks.shared_encoder import WIDTH, SharedEncoder

GRID = (12, 16)  # positions down and across, to which features are pooled
MEMORY = 96  # numbers of a position
HEADS, KEY = 4, 64  # of attention (Vaswani et al. 2017); numbers of all heads together
HIDDEN = 96  # state of the decoder
WORD = 48  # embedding of a word


class Memory(NamedTuple):
    """What the decoder is given of B examples.

    Args:
        keys: (B, P, `KEY`), by which positions are found.
        values: (B, P, `MEMORY`), what is at them.
        state: (B, `HIDDEN`), the decoder's first state.
        signals: (B, S), further numbers.
    """

    keys: Tensor
    values: Tensor
    state: Tensor
    signals: Tensor

    def repeated(self, rows: Tensor) -> Self:
        """Those of the examples `rows`, (N,) int64."""
        return type(self)(*(part[rows] for part in self))


class NICCompact(nn.Module):
    """Words about one or more pictures.

    Features of the pictures are pooled to `GRID`, set side by side and mixed with those of neighbouring positions:
    what moved between two pictures is near by. A GRU writes word after word; at each it looks at the positions again.
    Words are scored by their embeddings (Inan et al. 2017).

    Args:
        words: Size of the vocabulary.
        frames: Pictures of an example.
        signals: Further numbers of an example.
    """

    def __init__(self, words: int, frames: int = 1, signals: int = 0):
        super().__init__()
        self.frames = frames
        self.signals = signals
        self.frozen = False
        self.encoder = SharedEncoder()
        self.fusion = nn.Linear(frames * WIDTH, MEMORY)
        self.down = nn.Parameter(torch.zeros(GRID[0], 1, MEMORY))
        self.across = nn.Parameter(torch.zeros(1, GRID[1], MEMORY))
        self.neighbours = nn.Conv2d(MEMORY, MEMORY, 3, padding=1, groups=MEMORY)
        self.mixing = nn.Linear(MEMORY, MEMORY)
        self.keys = nn.Linear(MEMORY, KEY)
        self.start = nn.Linear(2 * MEMORY + signals, HIDDEN)
        self.embedding = nn.Embedding(words, WORD)
        self.query = nn.Linear(HIDDEN, KEY, bias=False)
        self.input = nn.Linear(WORD + signals, 3 * HIDDEN)
        self.context = nn.Linear(MEMORY, 3 * HIDDEN, bias=False)
        self.recurrent = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.deep = nn.Linear(HIDDEN + MEMORY, WORD)
        self.score_bias = nn.Parameter(torch.zeros(words))
        self.dropout = Dropout(0.0)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the decoder's weights that `kaiming_init_` does not: embeddings, positions, and orthogonal gates."""
        for table in (self.embedding.weight, self.down, self.across):
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

    def encode(self, images: Tensor) -> Tensor:
        """Features of single pictures: (N, 3, H, W) floats from 0 to 1 -> (N, `WIDTH`, *`GRID`)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features, _ = self.encoder.features(images)
            return F.adaptive_max_pool2d(features, GRID)

    def remember(self, features: Tensor, signals: Tensor) -> Memory:
        """What the decoder is given.

        Args:
            features: (B, F, `WIDTH`, *`GRID`) of `encode`.
            signals: (B, S).
        """
        count = len(features)
        beside = features.flatten(1, 2).permute(0, 2, 3, 1)
        grid = F.relu(self.fusion(beside) + self.down + self.across)
        near = self.neighbours(grid.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        values = F.relu(grid + self.mixing(F.relu(near))).reshape(count, -1, MEMORY)
        summary = torch.cat([values.mean(1), values.amax(1), signals], 1)
        return Memory(self.keys(values), values, torch.tanh(self.start(summary)), signals)

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
        signals = memory.signals[:, None].expand(-1, length, -1)
        inputs = self.input(torch.cat([words, signals], 2))
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

    def forward(self, images: Tensor, signals: Tensor, tokens: Tensor) -> Tensor:
        """(B, F, 3, H, W) floats from 0 to 1, or their features of `encode`, (B, S) and (B, T) -> (B, T, V) logits."""
        if images.shape[2] == WIDTH:
            return self.decode(self.remember(images, signals), tokens)
        encoded = self.encode(images.flatten(0, 1))
        features = encoded.view(-1, self.frames, *encoded.shape[1:])
        return self.decode(self.remember(features, signals), tokens)


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
