"""Sparse rasters of the ground near the road: square tiles of cells, and a table with the tile of each place.

A circuit has several rasters of different resolution, its *layers*; they share one array of cells and one table of
tiles, so that kernels take two arrays. Away from the road, the table points to shared tiles of grass at the beginning
of the cells, with a period of 256 cells.

Tiles are aligned with the axes of the plane, and the points of a row of pixels are symmetric about its middle and never
on the border of two cells: the rasters of a mirrored circuit, and the images of it, are mirrored to the last bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.jit import Record, kernel

TILE = 32  # cells along a tile's side
TILE_CELLS = TILE * TILE
PERIOD = 8  # tiles, period of the grass along x and y
PLAIN_TILES = PERIOD * PERIOD  # shared tiles of grass at the beginning of the cells
EMPTY_TILE = PLAIN_TILES  # the shared tile after them, of zeros, for layers without grass
SHARED_CELLS = (PLAIN_TILES + 1) * TILE_CELLS

# One raster.
LAYER = np.dtype(
    [
        ("origin_x", "f8"),  # m, corner with the smallest coordinates; a multiple of a tile's side
        ("origin_y", "f8"),  # m
        ("cell", "f8"),  # m, side of a cell
        ("columns", "i8"),  # tiles along x
        ("rows", "i8"),  # tiles along y
        ("first", "i8"),  # start of its part of the table
    ],
    align=True,
)

# Positions in a raster are fixed-point numbers of cells with 16 fractional bits. They are unsigned in look-ups, because
# numba tests every signed index for being negative, which would cost a third of the time.
POINT = 16
ONE = float(1 << POINT)


@dataclass(frozen=True, eq=False)
class Ground:
    """All rasters of one circuit.

    Args:
        layers: (L,) records of ``LAYER``.
        tiles: (T,) uint32, index of the first cell of every tile of every layer.
        cells: (B,) uint8; the shared tiles come first.
    """

    layers: npt.NDArray[np.void]
    tiles: npt.NDArray[np.uint32]
    cells: npt.NDArray[np.uint8]

    @property
    def bytes(self) -> int:
        """Memory, in bytes."""
        return int(self.layers.nbytes + self.tiles.nbytes + self.cells.nbytes)

    def at(self, layer: int, points: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        """(n,) cells of a layer at (n, 2) points in metres; a reference implementation of the kernels."""
        record = self.layers[layer]
        where = np.floor((np.asarray(points) - (record["origin_x"], record["origin_y"])) / record["cell"]).astype(int)
        column, row = where[:, 0], where[:, 1]
        inside = (column >= 0) & (row >= 0) & (column < TILE * record["columns"]) & (row < TILE * record["rows"])
        tile_column, tile_row = np.where(inside, column // TILE, 0), np.where(inside, row // TILE, 0)
        begin = self.tiles[record["first"] + tile_row * record["columns"] + tile_column].astype(int)
        empty = self.tiles[record["first"]] == EMPTY_TILE * TILE_CELLS
        begin = np.where(
            inside, begin, EMPTY_TILE * TILE_CELLS if empty else plain_tile(column // TILE, row // TILE) * TILE_CELLS
        )
        found: npt.NDArray[np.uint8] = self.cells[begin + row % TILE * TILE + column % TILE]
        return found


def plain_tile(column: npt.NDArray[np.int64], row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The shared tile of grass at a place of the table."""
    return row % PERIOD * PERIOD + column % PERIOD


class LayerBuilder:
    """Collects layers one after the other.

    Args:
        plain: (PLAIN_TILES * TILE_CELLS,) uint8 cells of the shared tiles of grass.
    """

    def __init__(self, plain: npt.NDArray[np.uint8]):
        self._layers: list[tuple[float | int, ...]] = []
        self._tables = [np.zeros(0, dtype=np.uint32)]
        self._plain = plain.reshape(PLAIN_TILES, TILE_CELLS)
        self._cells = [plain, np.zeros(TILE_CELLS, dtype=np.uint8)]
        self._table_length = 0
        self._cell_count = SHARED_CELLS

    def add(self, origin: tuple[float, float], cell: float, wanted: npt.NDArray[np.bool_], empty: bool) -> None:
        """Begin a layer.

        Args:
            origin: x, y in metres of the corner with the smallest coordinates: multiples of a tile's side, and of
                ``PERIOD`` tiles where there is grass.
            cell: Side of a cell, in metres.
            wanted: (rows, columns) bool, the tiles with cells of their own; none at the rim.
            empty: Whether all other cells are zero; otherwise they are grass.
        """
        rows, columns = wanted.shape
        row, column = np.indices(wanted.shape)
        plain = np.full(wanted.shape, EMPTY_TILE) if empty else plain_tile(column.astype(int), row.astype(int))
        table = plain * TILE_CELLS
        count = int(wanted.sum())
        table[wanted] = self._cell_count + np.arange(count) * TILE_CELLS
        own = np.zeros((count, TILE_CELLS), dtype=np.uint8)
        if not empty:
            own[:] = self._plain[plain[wanted]]
        self._layers.append((*origin, cell, columns, rows, self._table_length))
        self._tables.append(table.astype(np.uint32).ravel())
        self._cells.append(own.ravel())
        self._table_length += table.size
        self._cell_count += own.size

    def finish(self) -> Ground:
        """Join the layers; their cells can then be drawn."""
        return Ground(np.array(self._layers, dtype=LAYER), np.concatenate(self._tables), np.concatenate(self._cells))


@kernel
def cells_before(metres: float, layer: Record) -> float:
    """Number of cells (an integer) from the origin of the plane to the layer's origin along x or y."""
    return float(np.rint(metres / layer.cell))


@kernel
def _fixed(cells: float) -> int:
    """A position in cells as an odd fixed-point number, never on a border of cells; an odd function."""
    half = int(abs(0.5 * ONE * cells))
    return 2 * half + 1 if cells >= 0.0 else -2 * half - 1


@kernel
def start_of_row(
    x: float, y: float, pace_x: float, pace_y: float, count: int, layer: Record
) -> tuple[int, int, int, int]:
    """Start and step of a row of evenly spaced points in a layer; the reversed row has the same points.

    Args:
        x: Middle of the row, in metres.
        y: Likewise.
        pace_x: Metres from point to point.
        pace_y: Likewise.
        count: Number of points.
        layer: Record of ``LAYER``.

    Returns:
        Fixed-point position of the first point along x and y, in cells from the layer's origin, and steps along both.
    """
    half_u = 2 * int(np.rint(0.25 * ONE * pace_x / layer.cell))
    half_v = 2 * int(np.rint(0.25 * ONE * pace_y / layer.cell))
    u = _fixed(x / layer.cell) - int(ONE * cells_before(layer.origin_x, layer)) - (count - 1) * half_u
    v = _fixed(y / layer.cell) - int(ONE * cells_before(layer.origin_y, layer)) - (count - 1) * half_v
    return u, v, 2 * half_u, 2 * half_v


@kernel
def cell_index(layer: Record, tiles: np.ndarray, column: int, row: int) -> int:
    """Index of a cell of a layer among all cells; -1 outside the layer, or for a shared cell."""
    if column < 0 or row < 0 or column >= TILE * layer.columns or row >= TILE * layer.rows:
        return -1
    begin = int(tiles[layer.first + (row // TILE) * layer.columns + column // TILE])
    if begin < SHARED_CELLS:
        return -1
    return begin + (row % TILE) * TILE + column % TILE


@kernel
def inside_range(u: int, v: int, du: int, dv: int, count: int, width: int, height: int) -> tuple[int, int]:
    """Range of the points of a straight line that lie inside a raster: first, and one past the last.

    Args:
        u: Fixed-point position along x.
        v: Fixed-point position along y.
        du: Fixed-point pace along x.
        dv: Fixed-point pace along y.
        count: Number of points.
        width: Cells along x.
        height: Cells along y.
    """
    first = 0.0
    last = float(count)
    for axis in range(2):
        at = float(u) if axis == 0 else float(v)
        pace = float(du) if axis == 0 else float(dv)
        # A margin of one cell against rounding.
        low = ONE
        high = (float(width) - 1.0) * ONE if axis == 0 else (float(height) - 1.0) * ONE
        if pace == 0.0:
            if at < low or at > high:
                return 0, 0
            continue
        enter = (low - at) / pace
        leave = (high - at) / pace
        if enter > leave:
            enter, leave = leave, enter
        first = max(first, enter)
        last = min(last, leave)
    if first >= last:
        return 0, 0
    return int(np.ceil(first)), int(last)


@kernel
def _within(x: np.uint64, y: np.uint64) -> Any:
    """Index within a tile of a fixed-point position: row times 32 plus column, by shifts."""
    return ((y >> np.uint64(11)) & np.uint64(992)) | ((x >> np.uint64(16)) & np.uint64(31))


@kernel
def read_row(
    out: np.ndarray, u: int, v: int, du: int, dv: int, cells: np.ndarray, tiles: np.ndarray, layer: Record
) -> None:
    """Write the cells along a straight line through a layer, 0 outside it; about 1.3 ns each.

    Args:
        out: (n,) uint8, written.
        u: Fixed-point position of the first point along x, in cells from the layer's origin.
        v: The same along y.
        du: Fixed-point pace along x.
        dv: Fixed-point pace along y.
        cells: (B,) uint8.
        tiles: (T,) uint32.
        layer: Record of ``LAYER``.
    """
    count = len(out)
    first, last = inside_range(u, v, du, dv, count, TILE * layer.columns, TILE * layer.rows)
    for k in range(first):
        out[k] = 0
    for k in range(last, count):
        out[k] = 0
    table = tiles[layer.first :]
    columns = np.uint64(layer.columns)
    x = np.uint64(u + first * du)
    y = np.uint64(v + first * dv)
    pace_x = np.uint64(du)
    pace_y = np.uint64(dv)
    for k in range(np.uint64(first), np.uint64(last)):
        tile = table[(y >> np.uint64(21)) * columns + (x >> np.uint64(21))]
        out[k] = cells[tile + _within(x, y)]
        x += pace_x
        y += pace_y


@kernel
def _colour(
    x: np.uint64, y: np.uint64, cells: np.ndarray, table: np.ndarray, columns: np.uint64, colours: np.ndarray
) -> Any:
    tile = table[(y >> np.uint64(21)) * columns + (x >> np.uint64(21))]
    return colours[cells[tile + _within(x, y)]]


@kernel
def _plain_colour(x: np.uint64, y: np.uint64, cells: np.ndarray, colours: np.ndarray) -> Any:
    tile = ((y >> np.uint64(21)) & np.uint64(7)) * np.uint64(8) + ((x >> np.uint64(21)) & np.uint64(7))
    return colours[cells[tile * np.uint64(1024) + _within(x, y)]]


@kernel
def paint_row(
    words: np.ndarray,
    labels: np.ndarray | None,
    u: int,
    v: int,
    du: int,
    dv: int,
    cells: np.ndarray,
    tiles: np.ndarray,
    layer: Record,
    colours: np.ndarray,
) -> None:
    """Paint the cells along a straight line in colour; about 1.4 ns each, 1.7 with labels.

    Four pixels of three bytes are written as three words.

    Args:
        words: (3n/4,) uint32, written: the bytes red, green, blue of n pixels; n a multiple of 4.
        labels: (n,) uint8, written, or None: the topmost byte of each colour.
        u: Fixed-point position of the first point along x, in cells from the layer's origin.
        v: The same along y.
        du: Fixed-point pace along x.
        dv: Fixed-point pace along y.
        cells: (B,) uint8.
        tiles: (T,) uint32.
        layer: Record of ``LAYER``.
        colours: (256,) uint32 colour and label of each byte.
    """
    count = 4 * len(words) // 3
    first, last = inside_range(u, v, du, dv, count, TILE * layer.columns, TILE * layer.rows)
    begin = np.uint64((first + 3) // 4)
    end = max(begin, np.uint64(last // 4))
    table = tiles[layer.first :]
    columns = np.uint64(layer.columns)
    x = np.uint64(u)
    y = np.uint64(v)
    pace_x = np.uint64(du)
    pace_y = np.uint64(dv)
    at = np.uint64(0)
    for quad in range(np.uint64(count // 4)):
        if begin <= quad < end:
            a = _colour(x, y, cells, table, columns, colours)
            x += pace_x
            y += pace_y
            b = _colour(x, y, cells, table, columns, colours)
            x += pace_x
            y += pace_y
            c = _colour(x, y, cells, table, columns, colours)
            x += pace_x
            y += pace_y
            d = _colour(x, y, cells, table, columns, colours)
            x += pace_x
            y += pace_y
        else:
            a = _plain_colour(x, y, cells, colours)
            x += pace_x
            y += pace_y
            b = _plain_colour(x, y, cells, colours)
            x += pace_x
            y += pace_y
            c = _plain_colour(x, y, cells, colours)
            x += pace_x
            y += pace_y
            d = _plain_colour(x, y, cells, colours)
            x += pace_x
            y += pace_y
        words[at] = (a & np.uint32(0xFFFFFF)) | (b << np.uint32(24))
        words[at + np.uint64(1)] = ((b >> np.uint32(8)) & np.uint32(0xFFFF)) | (c << np.uint32(16))
        words[at + np.uint64(2)] = ((c >> np.uint32(16)) & np.uint32(0xFF)) | (d << np.uint32(8))
        at += np.uint64(3)
        if labels is not None:
            pixel = quad << np.uint64(2)
            labels[pixel] = a >> np.uint32(24)
            labels[pixel + np.uint64(1)] = b >> np.uint32(24)
            labels[pixel + np.uint64(2)] = c >> np.uint32(24)
            labels[pixel + np.uint64(3)] = d >> np.uint32(24)
