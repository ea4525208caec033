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
from functools import cache

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit import CURVATURE, KERB, KERB_WIDTH, LEFT, RIGHT, Circuit
from rlkit_envs.driving.compiled import Record, kernel
from rlkit_envs.driving.roadside import Roadside
from rlkit_envs.driving.surfaces import GRAVEL as GRAVEL_VERGE
from rlkit_envs.driving.surfaces import GRAVEL_WIDTH, verge
from rlkit_envs.driving.tiles import PERIOD, TILE, Ground, LayerBuilder, cell_index

MATERIALS = ("grass", "gravel", "asphalt", "patch", "line", "kerb", "kerb white", "earth")
GRASS, GRAVEL, ASPHALT, PATCH, LINE, KERB_RED, KERB_WHITE, EARTH = range(8)
MATERIAL_SHIFT, SHADOW = 5, 16  # a byte is material << 5 | shadow << 4 | grain
GRAINS = 16

LIMIT = 16 * 2**20  # bytes that a circuit's ground may take; cells become coarser where it would take more
MATERIAL_LEVELS = 6  # of material layers: cells of 0.125 m to 4 m, say
VERGE = 9.0  # m beyond the border that are drawn: earth, gravel traps, worn grass
_LINE_WIDTH = 0.3  # m, the white line along the inside of the border or of the kerb
_KERB_LENGTH = 2.0  # m of red, then of white
_DASH = (3.0, 9.0)  # m, length of a dash of the middle line, and from dash to dash
# Pixels over which a border fades. With two, the pixels at a border tell where in between it runs, whatever its angle.
_SOFTNESS = 2.0
_FOLD = 0.9  # of a curve's radius: nothing beyond it is drawn on its inside


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
        _draw_share(ground.layers[layer], ground.tiles, ground.cells, circuit.line, _SOFTNESS * scale)
    if needs.material_cell is not None:
        style = style_of(circuit)
        finest = ground.layers[shares]
        _draw_materials(
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
            _cast_shadows(finest, ground.tiles, ground.cells, roadside.shadows(), texture())
        for level in range(1, MATERIAL_LEVELS):
            fine, coarse = ground.layers[shares + level - 1], ground.layers[shares + level]
            _vote(fine, coarse, ground.tiles, ground.cells)
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


@cache
def texture() -> npt.NDArray[np.uint8]:
    """(256, 256) uint8 grain from 0 to 15 that repeats without a seam: blotches of several sizes and fine noise."""
    return _noise(20170417, ((60.0, 1.0), (16.0, 0.7), (5.0, 0.6), (1.5, 0.9)))


@cache
def blotches() -> npt.NDArray[np.uint8]:
    """(256, 256) uint8 from 0 to 15, as ``texture`` but without its fine noise: worn places, and clouds."""
    return _noise(31, ((70.0, 1.0), (28.0, 0.6), (11.0, 0.3)))


def _noise(seed: int, waves: tuple[tuple[float, float], ...]) -> npt.NDArray[np.uint8]:
    """The sum of smooth noises of some wavelengths (in cells) and weights, every value from 0 to 15 equally often."""
    side = PERIOD * TILE
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    total = np.zeros((side, side))
    for wavelength, weight in waves:
        spectrum = np.fft.fft2(random.standard_normal((side, side)))
        band = np.fft.ifft2(spectrum * np.exp(-0.5 * (frequency * wavelength / 0.75) ** 2)).real
        total += weight * band / band.std()
    ranks = total.ravel().argsort().argsort()
    return (ranks * GRAINS // ranks.size).astype(np.uint8).reshape(side, side)


@cache
def _plain_cells() -> npt.NDArray[np.uint8]:
    """Cells of the shared tiles: grass with bare patches."""
    grain = texture()
    blotches = np.roll(grain, (71, 133), axis=(0, 1))
    byte = np.where((blotches == GRAINS - 1) & (grain > 9), EARTH << MATERIAL_SHIFT, GRASS << MATERIAL_SHIFT) | grain
    tiles = byte.reshape(PERIOD, TILE, PERIOD, TILE).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles, dtype=np.uint8).ravel()


def _allocate(circuit: Circuit, needs: Needs, factor: float) -> Ground:
    builder = LayerBuilder(_plain_cells())
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


@kernel
def _reach(line: np.ndarray, i: int, beyond: float) -> tuple[float, float]:
    """Metres to the left and right of a sample that are drawn, short of where the normals of a curve meet."""
    left = line[i, LEFT] + beyond
    right = line[i, RIGHT] + beyond
    curvature = line[i, CURVATURE]
    if curvature > 0.0:
        left = max(line[i, LEFT], min(left, _FOLD / curvature))
    elif curvature < 0.0:
        right = max(line[i, RIGHT], min(right, _FOLD / -curvature))
    return left, right


@kernel
def _piece(line: np.ndarray, i: int, j: int, beyond: float, corners: np.ndarray) -> None:
    """Corners (4, 2) of the piece of ground between the normals of two samples, in order."""
    left, right = _reach(line, i, beyond)
    corners[0, 0] = line[i, 0] - line[i, 3] * left
    corners[0, 1] = line[i, 1] + line[i, 2] * left
    corners[1, 0] = line[i, 0] + line[i, 3] * right
    corners[1, 1] = line[i, 1] - line[i, 2] * right
    left, right = _reach(line, j, beyond)
    corners[2, 0] = line[j, 0] + line[j, 3] * right
    corners[2, 1] = line[j, 1] - line[j, 2] * right
    corners[3, 0] = line[j, 0] - line[j, 3] * left
    corners[3, 1] = line[j, 1] + line[j, 2] * left


@kernel
def _span(corners: np.ndarray, y: float, slack: float) -> tuple[float, float]:
    """Smallest and largest x of a quadrangle near a height."""
    low = 1e300
    high = -1e300
    for a in range(4):
        b = (a + 1) % 4
        ya, yb = corners[a, 1], corners[b, 1]
        if min(ya, yb) > y + slack or max(ya, yb) < y - slack:
            continue
        for edge in (y - slack, y + slack):
            share = 0.0 if yb == ya else min(1.0, max(0.0, (edge - ya) / (yb - ya)))
            x = corners[a, 0] + share * (corners[b, 0] - corners[a, 0])
            low, high = min(low, x), max(high, x)
        if yb == ya:
            low, high = min(low, corners[b, 0]), max(high, corners[b, 0])
    return low - slack, high + slack


@kernel
def _place_in_piece(line: np.ndarray, i: int, j: int, x: float, y: float) -> tuple[float, float]:
    """How far from sample i to j a point lies, 0 to 1 or negative if not between them, and its offset to the left."""
    here = (x - line[i, 0]) * line[i, 2] + (y - line[i, 1]) * line[i, 3]
    ahead = (x - line[j, 0]) * line[j, 2] + (y - line[j, 1]) * line[j, 3]
    if here < 0.0 or ahead > 0.0 or here == ahead:
        return -1.0, 0.0
    f = here / (here - ahead)
    tx = (1.0 - f) * line[i, 2] + f * line[j, 2]
    ty = (1.0 - f) * line[i, 3] + f * line[j, 3]
    cx = (1.0 - f) * line[i, 0] + f * line[j, 0]
    cy = (1.0 - f) * line[i, 1] + f * line[j, 1]
    return f, (y - cy) * tx - (x - cx) * ty


@kernel
def _draw_share(layer: Record, tiles: np.ndarray, cells: np.ndarray, line: np.ndarray, pixel: float) -> None:
    """Draw how much of a pixel around each cell is road: a straight border's share, by the distance to the border."""
    count = len(line)
    corners = np.empty((4, 2))
    cell = layer.cell
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        _piece(line, i, j, 0.5 * pixel, corners)
        first = int(np.floor((corners[:, 1].min() - layer.origin_y) / cell - 0.5))
        last = int(np.ceil((corners[:, 1].max() - layer.origin_y) / cell - 0.5))
        for row in range(first, last + 1):
            y = layer.origin_y + (row + 0.5) * cell
            low, high = _span(corners, y, 0.5 * cell)
            for column in range(
                int(np.floor((low - layer.origin_x) / cell - 0.5)),
                int(np.ceil((high - layer.origin_x) / cell - 0.5)) + 1,
            ):
                x = layer.origin_x + (column + 0.5) * cell
                f, offset = _place_in_piece(line, i, j, x, y)
                if f < 0.0:
                    continue
                side = LEFT if offset > 0.0 else RIGHT
                inside = (1.0 - f) * line[i, side] + f * line[j, side] - abs(offset)
                share = min(1.0, max(0.0, 0.5 + inside / pixel))
                at = cell_index(layer, tiles, column, row)
                if at >= 0:
                    cells[at] = max(cells[at], np.uint8(255.0 * share + 0.5))


@kernel
def _draw_materials(
    layer: Record,
    tiles: np.ndarray,
    cells: np.ndarray,
    line: np.ndarray,
    step: float,
    grain: np.ndarray,
    blotch: np.ndarray,
    wear: float,
    dashes: bool,
) -> None:
    """Draw the finest material layer: about 15 ns a cell."""
    count = len(line)
    corners = np.empty((4, 2))
    cell = layer.cell
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        _piece(line, i, j, VERGE, corners)
        first = int(np.floor((corners[:, 1].min() - layer.origin_y) / cell - 0.5))
        last = int(np.ceil((corners[:, 1].max() - layer.origin_y) / cell - 0.5))
        for row in range(first, last + 1):
            y = layer.origin_y + (row + 0.5) * cell
            low, high = _span(corners, y, 0.5 * cell)
            for column in range(
                int(np.floor((low - layer.origin_x) / cell - 0.5)),
                int(np.ceil((high - layer.origin_x) / cell - 0.5)) + 1,
            ):
                x = layer.origin_x + (column + 0.5) * cell
                f, offset = _place_in_piece(line, i, j, x, y)
                if f < 0.0:
                    continue
                at = cell_index(layer, tiles, column, row)
                if at < 0:
                    continue
                side = LEFT if offset > 0.0 else RIGHT
                inside = (1.0 - f) * line[i, side] + f * line[j, side] - abs(offset)
                if inside < 0.0 and (cells[at] >> MATERIAL_SHIFT) not in (GRASS, EARTH):
                    continue  # A verge never covers a road, nor another leg's gravel
                fine = grain[row & 255, column & 255]
                broad = blotch[row & 255, column & 255]
                gravel = verge(line, i, offset > 0.0) == GRAVEL_VERGE
                material = _material(
                    inside, offset, (i + f) * step, line[i, KERB] > 0.0, gravel, fine, broad, wear, dashes
                )
                if material >= 0:
                    cells[at] = np.uint8(material << MATERIAL_SHIFT) | (cells[at] & np.uint8(15))


@kernel
def _material(
    inside: float,
    offset: float,
    station: float,
    kerb: bool,
    gravel: bool,
    fine: int,
    broad: int,
    wear: float,
    dashes: bool,
) -> int:
    """What lies at a place ``inside`` metres within the border; -1 to leave the grass as it is."""
    if inside < 0.0:
        beyond = -inside
        if gravel:
            if beyond < GRAVEL_WIDTH + 0.05 * (float(broad) - 15.0):
                return GRAVEL
            return -1
        # The border crumbles: bare earth, more of it where the road is worn.
        if beyond < (0.15 + 0.9 * wear) * float(broad) / 15.0 + 0.04 * float(fine):
            return EARTH
        return -1
    edge = KERB_WIDTH if kerb else 0.0
    if inside < edge:
        return KERB_RED if station % (2.0 * _KERB_LENGTH) < _KERB_LENGTH else KERB_WHITE
    worn = 0.6 * float(broad) + 0.4 * float(fine) < 15.0 * wear
    if inside < edge + _LINE_WIDTH and not worn:
        return LINE
    if station < 0.8 and not worn:
        return LINE  # across the road: start and finish
    if dashes and abs(offset) < 0.09 and station % _DASH[1] < _DASH[0] and not worn:
        return LINE
    if broad < 15.0 * (0.15 + 0.4 * wear):
        return PATCH
    return ASPHALT


@kernel
def _cast_shadows(layer: Record, tiles: np.ndarray, cells: np.ndarray, shadows: np.ndarray, grain: np.ndarray) -> None:
    """Mark what lies in the shadow of trees: ragged ellipses.

    Args:
        layer: Record of the finest material layer.
        tiles: (T,) uint32.
        cells: (B,) uint8, changed.
        shadows: (m, 6) middle x, y, direction x, y (unit), half length along it, half width, in metres.
        grain: (256, 256) uint8 texture.
    """
    cell = layer.cell
    for k in range(len(shadows)):
        cx, cy, dx, dy, length, width = shadows[k]
        reach = max(length, width)
        for row in range(int((cy - reach - layer.origin_y) / cell), int((cy + reach - layer.origin_y) / cell) + 1):
            y = layer.origin_y + (row + 0.5) * cell - cy
            for column in range(
                int((cx - reach - layer.origin_x) / cell), int((cx + reach - layer.origin_x) / cell) + 1
            ):
                x = layer.origin_x + (column + 0.5) * cell - cx
                along = (x * dx + y * dy) / length
                across = (y * dx - x * dy) / width
                ragged = float(grain[(row // 2 + 31 * k) & 255, (column // 2 + 57 * k) & 255]) / 15.0
                if along * along + across * across < 0.45 + 0.55 * ragged:
                    at = cell_index(layer, tiles, column, row)
                    if at >= 0:
                        cells[at] |= np.uint8(SHADOW)


@kernel
def _vote(fine: Record, coarse: Record, tiles: np.ndarray, cells: np.ndarray) -> None:
    """Fill a material layer from the one below it: of four cells the commonest material, paint counting for more."""
    votes = np.empty(8, dtype=np.int64)
    weights = np.array([4, 4, 4, 4, 6, 6, 5, 4])
    for tile_row in range(coarse.rows):
        for tile_column in range(coarse.columns):
            if cell_index(coarse, tiles, tile_column * TILE, tile_row * TILE) < 0:
                continue
            for i in range(TILE):
                for j in range(TILE):
                    row, column = tile_row * TILE + i, tile_column * TILE + j
                    votes[:] = 0
                    grain = 2
                    shadow = 0
                    found = 0
                    for a in range(2):
                        for b in range(2):
                            # The coarse layer begins one tile further out, measured in its own cells.
                            at = cell_index(fine, tiles, 2 * column + b - TILE, 2 * row + a - TILE)
                            if at < 0:
                                continue
                            byte = cells[at]
                            found += 1
                            votes[byte >> MATERIAL_SHIFT] += weights[byte >> MATERIAL_SHIFT]
                            grain += byte & 15
                            shadow += (byte >> 4) & 1
                    at = cell_index(coarse, tiles, column, row)
                    if found == 0:
                        continue
                    best = 0
                    for material in range(1, 8):
                        if votes[material] > votes[best]:
                            best = material
                    mean = min(15, grain // 4) if found == 4 else int(cells[at]) & 15
                    cells[at] = (
                        np.uint8(best << MATERIAL_SHIFT)
                        | np.uint8(mean)
                        | (np.uint8(SHADOW) if shadow >= 2 else np.uint8(0))
                    )
