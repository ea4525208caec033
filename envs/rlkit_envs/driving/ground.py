"""The ground as a raster: one byte per cell says what lies there, and coarser levels say how much of a cell is road."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit import KERB_WIDTH, LEFT, Circuit
from rlkit_envs.driving.compiled import kernel

# Materials, in the upper half of a cell's byte; the lower half is its shade, 0 to 15.
GRASS, ASPHALT, LINE, KERB = range(4)
MATERIALS = ("grass", "asphalt", "line", "kerb")

CELL = 0.5  # m, side of the finest cells
LEVELS = 5  # each level's cells are twice as wide as those before: 0.5, 1, 2, 4, 8 m
LIMIT = 16 * 2**20  # bytes that all levels of one circuit may take; cells become coarser where they would take more
_MARGIN = 16.0  # m of grass around the road; beyond the raster everything is grass
_LINE_WIDTH = 0.3  # m, the white line along the inside of the border or of the kerb

# What a bird's view shows of each byte of the finest level: road white, grass black.
INTENSITY = np.repeat(np.array([0, 255, 255, 255] + [0] * 12, dtype=np.uint8), 16)


@dataclass(frozen=True, eq=False)
class Ground:
    """The raster of one circuit.

    Args:
        origin: x, y of the raster's corner with the smallest coordinates, in metres.
        cell: Side of the finest cells, in metres.
        rows: Rows of the finest level, along y; a multiple of ``2**(LEVELS - 1)``.
        columns: Columns of the finest level, along x; likewise.
        cells: uint8, all levels one after the other, each row by row. The finest holds material and shade (see
            ``INTENSITY``), the others the share of road in a cell, 255 for all of it.
    """

    origin: tuple[float, float]
    cell: float
    rows: int
    columns: int
    cells: npt.NDArray[np.uint8]

    def level(self, number: int) -> npt.NDArray[np.uint8]:
        """(rows, columns) uint8 view of one level, 0 being the finest."""
        start = level_start(self.rows, self.columns, number)
        rows, columns = self.rows >> number, self.columns >> number
        return self.cells[start : start + rows * columns].reshape(rows, columns)


def build_ground(circuit: Circuit) -> Ground:
    """Draw a circuit's raster; some milliseconds for a procedural circuit, 0.1 s for a long real one."""
    border = float(circuit.line[:, LEFT : LEFT + 2].max()) + _MARGIN
    low = circuit.points.min(axis=0) - border
    extent = circuit.points.max(axis=0) + border - low
    cell = CELL
    unit = 1 << (LEVELS - 1)
    while True:
        columns, rows = (int(-(-side // (cell * unit))) * unit for side in extent)
        size = level_start(rows, columns, LEVELS)
        if size <= LIMIT:
            break
        cell *= 2.0
    cells = np.empty(size, dtype=np.uint8)
    ground = Ground((float(low[0]), float(low[1])), cell, rows, columns, cells)
    _draw_finest(ground.level(0), circuit.line, ground.origin[0], ground.origin[1], cell)
    _average(ground.level(0), ground.level(1), INTENSITY)
    plain = np.arange(256, dtype=np.uint8)
    for number in range(2, LEVELS):
        _average(ground.level(number - 1), ground.level(number), plain)
    return ground


@kernel
def level_start(rows: int, columns: int, number: int) -> int:
    """Where a level begins among the cells of all levels; for ``LEVELS`` itself, the number of all cells."""
    start = 0
    for level in range(number):
        start += (rows >> level) * (columns >> level)
    return start


@kernel
def _draw_finest(cells: np.ndarray, line: np.ndarray, origin_x: float, origin_y: float, cell: float) -> None:
    rows, columns = cells.shape
    for row in range(rows):
        for column in range(columns):
            # A small integer hash: grain that is the same wherever and whenever the circuit is drawn.
            grain = np.uint32(row) * np.uint32(374761393) + np.uint32(column) * np.uint32(668265263)
            grain = (grain ^ (grain >> np.uint32(13))) * np.uint32(1274126177)
            cells[row, column] = np.uint8((grain >> np.uint32(28)) & np.uint32(15))
    count = len(line)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        # The piece of road between the normals of two samples; every cell of it belongs to this piece alone.
        low_x = low_y = 1e300
        high_x = high_y = -1e300
        for k in (i, j):
            for width in (line[k, 5], -line[k, 6]):
                x = line[k, 0] - line[k, 3] * width
                y = line[k, 1] + line[k, 2] * width
                low_x, high_x = min(low_x, x), max(high_x, x)
                low_y, high_y = min(low_y, y), max(high_y, y)
        first_row = max(0, int((low_y - origin_y) / cell) - 1)
        last_row = min(rows - 1, int((high_y - origin_y) / cell) + 1)
        first_column = max(0, int((low_x - origin_x) / cell) - 1)
        last_column = min(columns - 1, int((high_x - origin_x) / cell) + 1)
        for row in range(first_row, last_row + 1):
            y = origin_y + (row + 0.5) * cell
            for column in range(first_column, last_column + 1):
                x = origin_x + (column + 0.5) * cell
                here = (x - line[i, 0]) * line[i, 2] + (y - line[i, 1]) * line[i, 3]
                ahead = (x - line[j, 0]) * line[j, 2] + (y - line[j, 1]) * line[j, 3]
                if here < 0.0 or ahead > 0.0 or here == ahead:
                    continue
                f = here / (here - ahead)
                tx = (1.0 - f) * line[i, 2] + f * line[j, 2]
                ty = (1.0 - f) * line[i, 3] + f * line[j, 3]
                cx = (1.0 - f) * line[i, 0] + f * line[j, 0]
                cy = (1.0 - f) * line[i, 1] + f * line[j, 1]
                offset = (y - cy) * tx - (x - cx) * ty
                side = 5 if offset > 0.0 else 6
                inside = (1.0 - f) * line[i, side] + f * line[j, side] - abs(offset)
                if inside < 0.0:
                    continue
                edge = KERB_WIDTH if line[i, 7] > 0.0 else 0.0
                if inside < edge:
                    material = KERB
                elif inside < edge + _LINE_WIDTH:
                    material = LINE
                else:
                    material = ASPHALT
                shade = cells[row, column] & np.uint8(15)
                cells[row, column] = np.uint8(material * 16) | shade


@kernel
def _average(fine: np.ndarray, coarse: np.ndarray, table: np.ndarray) -> None:
    rows, columns = coarse.shape
    for row in range(rows):
        for column in range(columns):
            total = 2
            for i in range(2):
                for j in range(2):
                    total += table[fine[2 * row + i, 2 * column + j]]
            coarse[row, column] = np.uint8(total >> 2)
