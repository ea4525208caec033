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

from rlkit_envs.driving.ground.drawing import VERGE, cast_shadows, draw_materials, draw_share, vote
from rlkit_envs.driving.ground.materials import blotches, plain_cells, texture
from rlkit_envs.driving.ground.roadside import Roadside
from rlkit_envs.driving.ground.tiles import TILE, Ground, LayerBuilder
from rlkit_envs.driving.road.circuit import LEFT, RIGHT, Circuit

LIMIT = 16 * 2**20  # bytes that a circuit's ground may take; cells become coarser where it would take more
MATERIAL_LEVELS = 6  # of material layers: cells of 0.125 m to 4 m, say
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
    factor = 1.0
    while True:
        ground = _allocate(circuit, needs, factor)
        if ground.bytes <= LIMIT:
            break
        factor *= 2.0
    shares = len(needs.share_scales)
    for layer, scale in enumerate(needs.share_scales):
        draw_share(ground.layers[layer], ground.tiles, ground.cells, circuit.line, _SOFTNESS * scale)
    if needs.material_cell is not None:
        style = style_of(circuit)
        finest = ground.layers[shares]
        draw_materials(
            finest,
            ground.tiles,
            ground.cells,
            circuit.line,
            circuit.step,
            texture(),
            blotches(),
            style.wear,
            style.dashes,
        )
        if roadside is not None:
            cast_shadows(finest, ground.tiles, ground.cells, roadside.shadows(), texture())
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
    """

    wear: float
    dashes: bool
    sun: float
    seed: int


def style_of(circuit: Circuit) -> Style:
    """The style of a circuit, which its name fixes."""
    seed = zlib.crc32(circuit.name.encode())
    wear, dashes, sun = np.random.default_rng(seed).random(3)
    return Style(float(0.6 * wear), bool(dashes < 0.5), float(2.0 * np.pi * sun), seed)


def _allocate(circuit: Circuit, needs: Needs, factor: float) -> Ground:
    builder = LayerBuilder(plain_cells())
    for scale in needs.share_scales:
        cell = scale / 3.0 * factor  # Coarser cells would show as steps
        origin, wanted = _wanted_tiles(circuit, cell, _SOFTNESS * scale)
        builder.add(_outward(origin, cell), cell, np.pad(wanted, 1), empty=True)
    if needs.material_cell is not None:
        cell = needs.material_cell * factor
        origin, wanted = _wanted_tiles(circuit, cell, VERGE + 1.0)
        for _ in range(MATERIAL_LEVELS):
            builder.add(_outward(origin, cell), cell, np.pad(wanted, 1), empty=False)
            cell *= 2.0
            rows, columns = (side + side % 2 for side in wanted.shape)
            even = np.zeros((rows, columns), dtype=np.bool_)
            even[: wanted.shape[0], : wanted.shape[1]] = wanted
            wanted = np.asarray(even.reshape(rows // 2, 2, columns // 2, 2).any(axis=(1, 3)))
    return builder.finish()


def _outward(origin: tuple[float, float], cell: float) -> tuple[float, float]:
    """The corner of a layer with one row of tiles more on every side."""
    return origin[0] - TILE * cell, origin[1] - TILE * cell


def _wanted_tiles(circuit: Circuit, cell: float, beyond: float) -> tuple[tuple[float, float], npt.NDArray[np.bool_]]:
    """The corner of a raster around the road, and (rows, columns) bool: the tiles that road and roadside touch."""
    line, normals = circuit.line, circuit.normals
    widest = float(line[:, LEFT : RIGHT + 1].max()) + beyond
    low = circuit.points.min(axis=0) - widest
    side = TILE * cell
    size = np.floor((circuit.points.max(axis=0) + widest - low) / side).astype(int) + 1
    wanted = np.zeros((size[1], size[0]), dtype=np.bool_)
    across = np.linspace(0.0, 1.0, max(2, math.ceil(2.0 * widest / min(2.0, 0.5 * side))))
    left, right = line[:, LEFT] + beyond, line[:, RIGHT] + beyond
    offsets = -right[:, None] + (left + right)[:, None] * across
    points = circuit.points[:, None, :] + offsets[..., None] * normals[:, None, :]
    where = np.floor((points - low) / side).astype(int).reshape(-1, 2)
    where = np.clip(where, 0, size - 1)
    wanted[where[:, 1], where[:, 0]] = True
    return (float(low[0]), float(low[1])), wanted
