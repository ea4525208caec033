"""What lies on the ground of a circuit, drawn once into rasters that every picture is looked up in.

Two kinds of layers exist. A *share* layer tells for a bird's view at one scale how much of a pixel is road, filtered to
the pixel's size, so that one look-up per pixel gives a soft picture that does not flicker. The *material* layers, each
twice as coarse as the one before, hold one byte per cell: what lies there (3 bits), whether a tree's shadow falls on it
(1 bit), and its grain (4 bits). A table of 256 entries turns such bytes into colours and class labels at once, so a
look is free to change and the labels are exact.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.circuit import LEFT, RIGHT, Circuit
from rlkit_envs.driving.terrain.materials import blotches, plain_cells, texture
from rlkit_envs.driving.terrain.raster import VERGE, cast_shadows, draw_materials, draw_share, vote
from rlkit_envs.driving.terrain.roadside import Roadside
from rlkit_envs.driving.terrain.tiles import PERIOD, TILE, Ground, LayerBuilder

LIMIT = 16 * 2**20  # bytes that a circuit's ground may take; cells become coarser where it would take more
MATERIAL_LEVELS = 6  # of material layers: cells of 0.125 m to 4 m, say
# Tiles. A material layer begins and ends at multiples of it, so that its texture lies alike under a circuit and under
# its mirror image: twice the texture's period, because shadows read it at half the pace.
_WHOLE = 2 * PERIOD
# Pixels over which a border fades. With two, the pixels at a border tell where in between it runs, whatever its angle.
_SOFTNESS = 2.0


@dataclass(frozen=True)
class Needs:
    """Which layers a simulator's pictures are looked up in.

    Args:
        share_scales: Metres per pixel of the bird's views that show how much of a pixel is road.
        material_cell: Side of the finest cells of the material layers in metres; None where no picture shows materials.
    """

    share_scales: tuple[float, ...] = ()
    material_cell: float | None = None


def build_ground(circuit: Circuit, needs: Needs, roadside: Roadside | None = None) -> Ground:
    """Draw the rasters of a circuit.

    For a procedural circuit a share layer takes 1 ms and the material layers at 0.125 m about 40 ms; for a real circuit
    of 7 km about 0.3 s. Where the limit of 16 MB would be passed, cells are made coarser by halves.

    Args:
        circuit: Which one.
        needs: Which layers.
        roadside: What stands beside the road and throws shadows onto it.
    """
    style = style_of(circuit)
    factor = 1.0
    while True:
        ground = _allocate(circuit, needs, factor, style.flipped)
        if ground.bytes <= LIMIT:
            break
        factor *= 2.0
    shares = len(needs.share_scales)
    for layer, scale in enumerate(needs.share_scales):
        draw_share(ground.layers[layer], ground.tiles, ground.cells, circuit.line, _SOFTNESS * scale)
    if needs.material_cell is not None:
        finest = ground.layers[shares]
        draw_materials(
            finest,
            ground.tiles,
            ground.cells,
            circuit.line,
            circuit.step,
            texture(style.flipped),
            blotches(style.flipped),
            style.wear,
            style.dashes,
        )
        if roadside is not None:
            shadows, grain = roadside.shadows(), texture(style.flipped)
            cast_shadows(finest, ground.tiles, ground.cells, shadows, grain, style.flipped)
        for level in range(1, MATERIAL_LEVELS):
            fine, coarse = ground.layers[shares + level - 1], ground.layers[shares + level]
            vote(fine, coarse, ground.tiles, ground.cells)
    return ground


@dataclass(frozen=True)
class Style:
    """What tells the road of one circuit from that of another.

    Args:
        wear: Share of the paint and of the surface that is worn off, 0 to 1.
        dashes: Whether a dashed line marks the middle.
        sun: Direction in which shadows fall, in radians.
        seed: For everything else that is drawn by chance.
        flipped: Whether textures, trees and the skyline are turned over. They are about every second circuit's, so that
            no picture tells by them whether it is seen in a mirror.
    """

    wear: float
    dashes: bool
    sun: float
    seed: int
    flipped: bool


def style_of(circuit: Circuit) -> Style:
    """The style of a circuit, which its name fixes; that of its mirror image is the mirror image of it."""
    seed = zlib.crc32(circuit.name.encode())
    wear, dashes, sun = np.random.default_rng(seed).random(3)
    direction = float(2.0 * np.pi * sun) * (-1.0 if circuit.is_mirrored else 1.0)
    flipped = bool(seed & 1) != circuit.is_mirrored
    return Style(float(0.6 * wear), bool(dashes < 0.5), direction, seed, flipped)


def _allocate(circuit: Circuit, needs: Needs, factor: float, flipped: bool) -> Ground:
    builder = LayerBuilder(plain_cells(flipped))
    for scale in needs.share_scales:
        cell = scale / 3.0 * factor  # Coarser cells would show as steps
        corner, wanted = _with_rim(*_wanted_tiles(circuit, cell, _SOFTNESS * scale), 1)
        builder.add(_place(corner, cell), cell, wanted, empty=True)
    if needs.material_cell is not None:
        cell = needs.material_cell * factor
        corner, wanted = _wanted_tiles(circuit, cell, VERGE + 1.0)
        for _ in range(MATERIAL_LEVELS):
            outer, with_rim = _with_rim(corner, wanted, _WHOLE)
            builder.add(_place(outer, cell), cell, with_rim, empty=False)
            cell *= 2.0
            corner, wanted = _merged(corner, wanted)
    return builder.finish()


# The corner of a layer is told in tiles from the middle of the plane along x and y.
_Corner = tuple[int, int]


def _place(corner: _Corner, cell: float) -> tuple[float, float]:
    """Where a corner lies, in metres."""
    return corner[0] * TILE * cell, corner[1] * TILE * cell


def _with_rim(corner: _Corner, wanted: npt.NDArray[np.bool_], whole: int) -> tuple[_Corner, npt.NDArray[np.bool_]]:
    """A layer with a rim of one tile or more that nothing touches; it begins and ends at multiples of ``whole``."""
    (column, row), (rows, columns) = corner, wanted.shape
    before = 1 + (row - 1) % whole, 1 + (column - 1) % whole
    after = 1 + -(row + rows + 1) % whole, 1 + -(column + columns + 1) % whole
    padded = np.pad(wanted, tuple(zip(before, after, strict=True)))
    return (column - before[1], row - before[0]), padded


def _merged(corner: _Corner, wanted: npt.NDArray[np.bool_]) -> tuple[_Corner, npt.NDArray[np.bool_]]:
    """The layer of twice as large tiles, those wanted that hold a wanted one."""
    (column, row), (rows, columns) = corner, wanted.shape
    before = row % 2, column % 2
    after = (row + rows) % 2, (column + columns) % 2
    even = np.pad(wanted, tuple(zip(before, after, strict=True)))
    halves = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    return (column // 2, row // 2), np.asarray(halves.any(axis=(1, 3)))


def _wanted_tiles(circuit: Circuit, cell: float, beyond: float) -> tuple[_Corner, npt.NDArray[np.bool_]]:
    """The corner of a raster around the road, and (rows, columns) bool: the tiles that road and roadside touch."""
    line, normals = circuit.line, circuit.normals
    widest = float(line[:, LEFT : RIGHT + 1].max()) + beyond
    side = TILE * cell
    low = np.floor((circuit.points.min(axis=0) - widest) / side).astype(int)
    size = np.floor((circuit.points.max(axis=0) + widest) / side).astype(int) - low + 1
    wanted = np.zeros((size[1], size[0]), dtype=np.bool_)
    across = np.linspace(0.0, 1.0, max(2, math.ceil(2.0 * widest / min(2.0, 0.5 * side))))
    left, right = line[:, LEFT] + beyond, line[:, RIGHT] + beyond
    offsets = -right[:, None] + (left + right)[:, None] * across
    points = circuit.points[:, None, :] + offsets[..., None] * normals[:, None, :]
    where = np.floor(points / side).astype(int).reshape(-1, 2) - low
    where = np.clip(where, 0, size - 1)
    wanted[where[:, 1], where[:, 0]] = True
    return (int(low[0]), int(low[1])), wanted
