"""The rasters of a circuit's ground, drawn once; sensors look their pixels up in them.

There are two kinds of layers. A *share* layer holds, for a bird's view of one scale, the share of road in a pixel,
filtered to the pixel's size, so that one look-up per pixel is antialiased. The *material* layers, each twice as coarse
as the one before (mipmaps), hold one byte per cell: material (3 bits), shadow of a tree (1 bit) and grain (4 bits). A
table of 256 entries turns such bytes into colours and exact class labels, so that the appearance can change.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.circuit import LEFT, RIGHT, Circuit
from rlkit_envs.driving.terrain.materials import blotches, plain_cells, texture
from rlkit_envs.driving.terrain.raster import VERGE, cast_shadows, downsample, draw_materials, draw_share
from rlkit_envs.driving.terrain.roadside import Roadside
from rlkit_envs.driving.terrain.street import Street
from rlkit_envs.driving.terrain.street_ground import cast_box_shadows, draw_street
from rlkit_envs.driving.terrain.tiles import PERIOD, TILE, Ground, LayerBuilder

LIMIT = 16 * 2**20  # bytes of a circuit's ground; cells become coarser beyond
MATERIAL_LEVELS = 6  # number of material layers, for example with cells of 0.125 m to 4 m
# Tiles. A material layer begins and ends at multiples of it, so that its texture is aligned alike under a circuit and
# under its mirror image: twice the texture's period, because shadows read it at half the resolution.
_WHOLE = 2 * PERIOD
# Pixels over which a border fades. With two, the pixels at a border determine its position at any angle.
_SOFTNESS = 2.0


@dataclass(frozen=True)
class Needs:
    """The layers that a simulator's sensors need.

    Args:
        share_scales: Metres per pixel of the bird's views of the road.
        material_cell: Side of the finest cells of the material layers in metres; None for no material layers.
    """

    share_scales: tuple[float, ...] = ()
    material_cell: float | None = None


def build_ground(
    circuit: Circuit, needs: Needs, roadside: Roadside | None = None, street: Street | None = None
) -> Ground:
    """Draw the rasters of a circuit.

    For a procedural circuit a share layer takes 1 ms and the material layers at 0.125 m about 40 ms; for a real circuit
    of 7 km about 0.3 s. Beyond the limit of 16 MB, the size of cells is doubled.

    Args:
        circuit: The circuit.
        needs: The layers to draw.
        roadside: Objects beside the road, which cast shadows.
        street: What belongs to a street, whose materials are then drawn; about 0.25 s.
    """
    style = style_of(circuit)
    factor = 1.0
    while True:
        ground = _allocate(circuit, needs, factor, style.flipped, street)
        if ground.bytes <= LIMIT:
            break
        factor *= 2.0
    shares = len(needs.share_scales)
    for layer, scale in enumerate(needs.share_scales):
        draw_share(ground.layers[layer], ground.tiles, ground.cells, circuit.line, _SOFTNESS * scale)
    if needs.material_cell is not None:
        finest = ground.layers[shares]
        if street is None:
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
        else:
            _draw_street(finest, ground, circuit, street, style)
        if roadside is not None:
            shadows, grain = roadside.shadows(), texture(style.flipped)
            cast_shadows(finest, ground.tiles, ground.cells, shadows, grain, style.flipped)
        for level in range(1, MATERIAL_LEVELS):
            fine, coarse = ground.layers[shares + level - 1], ground.layers[shares + level]
            downsample(fine, coarse, ground.tiles, ground.cells)
    return ground


def _draw_street(
    finest: npt.NDArray[np.void], ground: Ground, circuit: Circuit, street: Street, style: "Style"
) -> None:
    plan, grain = street.plan, texture(style.flipped)
    draw_street(
        finest,
        ground.tiles,
        ground.cells,
        circuit.line,
        circuit.step,
        plan.samples,
        np.array([plan.paving.length, plan.paving.width]),
        grain,
        blotches(style.flipped),
        plan.wear,
        plan.line_width,
    )
    cast_shadows(finest, ground.tiles, ground.cells, street.trees, grain, style.flipped)
    cast_box_shadows(finest, ground.tiles, ground.cells, street.boxes, style.sun, street.shadow)


@dataclass(frozen=True)
class Style:
    """Appearance of a circuit's road and surroundings.

    Args:
        wear: Share of the paint and the surface that is worn, 0 to 1.
        dashes: Whether there is a dashed middle line.
        sun: Direction in which shadows fall, in radians.
        seed: For all other random choices.
        flipped: Whether textures, trees and the skyline are flipped, as for about every second circuit, so that they do
            not reveal a mirrored image.
    """

    wear: float
    dashes: bool
    sun: float
    seed: int
    flipped: bool


def style_of(circuit: Circuit) -> Style:
    """Style of a circuit, determined by its name or the content of its file; that of the mirrored one is mirrored."""
    seed = zlib.crc32(circuit.scenery.encode())
    wear, dashes, sun = np.random.default_rng(seed).random(3)
    direction = float(2.0 * np.pi * sun) * (-1.0 if circuit.is_mirrored else 1.0)
    flipped = bool(seed & 1) != circuit.is_mirrored
    return Style(float(0.6 * wear), bool(dashes < 0.5), direction, seed, flipped)


def _allocate(circuit: Circuit, needs: Needs, factor: float, flipped: bool, street: Street | None) -> Ground:
    builder = LayerBuilder(plain_cells(flipped))
    for scale in needs.share_scales:
        cell = scale / 3.0 * factor  # coarser cells would be visible as steps
        corner, wanted = _with_rim(*_wanted_tiles(circuit, cell, np.full((1, 2), _SOFTNESS * scale)), 1)
        builder.add(_place(corner, cell), cell, wanted, empty=True)
    if needs.material_cell is not None:
        cell = needs.material_cell * factor
        beyond = np.full((1, 2), VERGE) if street is None else street.plan.samples["reach"]
        corner, wanted = _wanted_tiles(circuit, cell, beyond + 1.0)
        for _ in range(MATERIAL_LEVELS):
            outer, with_rim = _with_rim(corner, wanted, _WHOLE)
            builder.add(_place(outer, cell), cell, with_rim, empty=False)
            cell *= 2.0
            corner, wanted = _merged(corner, wanted)
    return builder.finish()


# Corner of a layer, in tiles from the origin of the plane along x and y.
_Corner = tuple[int, int]


def _place(corner: _Corner, cell: float) -> tuple[float, float]:
    """Position of a corner, in metres."""
    return corner[0] * TILE * cell, corner[1] * TILE * cell


def _with_rim(corner: _Corner, wanted: npt.NDArray[np.bool_], whole: int) -> tuple[_Corner, npt.NDArray[np.bool_]]:
    """Add a rim of unused tiles, one or more, so that a layer begins and ends at multiples of ``whole``."""
    (column, row), (rows, columns) = corner, wanted.shape
    before = 1 + (row - 1) % whole, 1 + (column - 1) % whole
    after = 1 + -(row + rows + 1) % whole, 1 + -(column + columns + 1) % whole
    padded = np.pad(wanted, tuple(zip(before, after, strict=True)))
    return (column - before[1], row - before[0]), padded


def _merged(corner: _Corner, wanted: npt.NDArray[np.bool_]) -> tuple[_Corner, npt.NDArray[np.bool_]]:
    """The layer with tiles of twice the size; wanted are those that contain a wanted one."""
    (column, row), (rows, columns) = corner, wanted.shape
    before = row % 2, column % 2
    after = (row + rows) % 2, (column + columns) % 2
    even = np.pad(wanted, tuple(zip(before, after, strict=True)))
    halves = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    return (column // 2, row // 2), np.asarray(halves.any(axis=(1, 3)))


def _wanted_tiles(
    circuit: Circuit, cell: float, beyond: npt.NDArray[np.float64]
) -> tuple[_Corner, npt.NDArray[np.bool_]]:
    """Corner of a raster around the road, and (rows, columns) bool: the tiles that road and roadside touch.

    ``beyond``, (n, 2) or (1, 2), is the roadside's width to the left and right, in metres.
    """
    line, normals = circuit.line, circuit.normals
    widest = float((line[:, LEFT : RIGHT + 1] + beyond).max())
    side = TILE * cell
    low = np.floor((circuit.points.min(axis=0) - widest) / side).astype(int)
    size = np.floor((circuit.points.max(axis=0) + widest) / side).astype(int) - low + 1
    wanted = np.zeros((size[1], size[0]), dtype=np.bool_)
    across = np.linspace(0.0, 1.0, max(2, math.ceil(2.0 * widest / min(2.0, 0.5 * side))))
    left, right = line[:, LEFT] + beyond[:, 0], line[:, RIGHT] + beyond[:, 1]
    offsets = -right[:, None] + (left + right)[:, None] * across
    points = circuit.points[:, None, :] + offsets[..., None] * normals[:, None, :]
    where = np.floor(points / side).astype(int).reshape(-1, 2) - low
    where = np.clip(where, 0, size - 1)
    wanted[where[:, 1], where[:, 0]] = True
    return (int(low[0]), int(low[1])), wanted
