"""The ground of a circuit from above, painted in tiles, which are cached. Rendering for people only.

A tile is painted when it first comes into view, or shortly before.
"""

from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.render.ground_paint import RESOLUTION, paint_tile
from rlkit_envs.driving.road.circuit import Circuit

TILE = 256  # pixels along a side of a tile
TILE_EXTENT = TILE / RESOLUTION  # m
_BORDER = 1  # pixels of the next tiles that a tile repeats, so that interpolation needs one tile only
_MAX_TILES = 160  # 42 MB; a view shows about 20

_RED_BLUE, _GREEN, _BYTE = np.uint32(0xFF00FF), np.uint32(0xFF00), np.uint32(8)


class Scenery:
    """The painted ground of one circuit.

    Args:
        circuit: The circuit.
        shift: (n,) offset in metres to the left of the centre line of the line with rubber.
    """

    def __init__(self, circuit: Circuit, shift: npt.NDArray[np.float64]):
        self.circuit = circuit
        self._shift = np.ascontiguousarray(shift)
        self._slots: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._tiles = np.zeros((0, TILE + _BORDER, TILE + _BORDER), dtype=np.uint32)

    @property
    def nbytes(self) -> int:
        """Memory of the painted tiles, in bytes."""
        return self._tiles.nbytes

    def draw(
        self, size: tuple[int, int], centre: tuple[float, float], up: float, zoom: float, anchor: tuple[float, float]
    ) -> npt.NDArray[np.uint8]:
        """Draw the ground around a point.

        Args:
            size: Width and height of the image, in pixels.
            centre: x, y of the point, in metres.
            up: Heading that is up in the image, in radians.
            zoom: Pixels per metre.
            anchor: Position of the point in the image, in pixels from its top left corner.

        Returns:
            (H, W, 3) uint8, a new array.
        """
        width, height = size
        picture = np.empty((height, width, 3), dtype=np.uint8)
        right = np.array([0.0, width, 0.0, width]) - anchor[0]
        ahead = anchor[1] - np.array([0.0, 0.0, height, height])
        x = centre[0] + (ahead * np.cos(up) + right * np.sin(up)) / zoom
        y = centre[1] + (ahead * np.sin(up) - right * np.cos(up)) / zoom
        first_column, last_column = (int(np.floor(edge / TILE_EXTENT)) for edge in (x.min() - 0.2, x.max() + 0.2))
        first_row, last_row = (int(np.floor(edge / TILE_EXTENT)) for edge in (y.min() - 0.2, y.max() + 0.2))
        rows, columns = last_row - first_row + 1, last_column - first_column + 1
        corners_u = (x / TILE_EXTENT - first_column) * TILE
        corners_v = (y / TILE_EXTENT - first_row) * TILE
        wanted = _tiles_in_view(rows, columns, corners_u, corners_v)
        found = np.zeros((rows, columns), dtype=np.int64)
        for row, column in np.argwhere(wanted).tolist():
            found[row, column] = self._slot(first_row + row, first_column + column)
        _warp(picture, self._tiles, found, corners_u, corners_v)
        self._paint_ahead(centre, up, 0.75 * np.hypot(width, height) / zoom)
        return picture

    def _paint_ahead(self, centre: tuple[float, float], up: float, reach: float) -> None:
        """Paint one tile that will soon come into view, which spreads the cost over frames."""
        for aside in (0.0, 0.35, -0.35, 0.7, -0.7):
            x = centre[0] + reach * np.cos(up + aside)
            y = centre[1] + reach * np.sin(up + aside)
            key = (int(np.floor(y / TILE_EXTENT)), int(np.floor(x / TILE_EXTENT)))
            if key not in self._slots:
                self._slot(*key)
                return

    def _slot(self, row: int, column: int) -> int:
        """Slot of the tile of this row and column of the world, which is painted if it is not cached."""
        key = (row, column)
        if key in self._slots:
            self._slots.move_to_end(key)
            return self._slots[key]
        if len(self._slots) >= _MAX_TILES:
            slot = self._slots.popitem(last=False)[1]
        else:
            slot = len(self._slots)
            if slot >= len(self._tiles):
                more = np.zeros((min(_MAX_TILES, 2 * slot + 16), *self._tiles.shape[1:]), dtype=np.uint32)
                more[:slot] = self._tiles
                self._tiles = more
        paint_tile(self._tiles[slot], column * TILE, row * TILE, self.circuit.line, self._shift, self.circuit.step)
        self._slots[key] = slot
        return slot


@kernel
def _tiles_in_view(rows: int, columns: int, corners_u: np.ndarray, corners_v: np.ndarray) -> np.ndarray:
    """(rows, columns) bool: tiles that the rotated rectangle of the image touches (corners in tile pixels)."""
    wanted = np.zeros((rows, columns), dtype=np.bool_)
    # Separating axes: a tile is out of view if it lies wholly beyond a side of the rectangle.
    for row in range(rows):
        for column in range(columns):
            inside = True
            for axis in range(2):
                du = corners_u[1 + axis] - corners_u[0]
                dv = corners_v[1 + axis] - corners_v[0]
                extent = du * du + dv * dv
                low, high = 1e300, -1e300
                for k in range(4):
                    u = (column + k % 2) * TILE - corners_u[0]
                    v = (row + k // 2) * TILE - corners_v[0]
                    along = (u * du + v * dv) / extent
                    low, high = min(low, along), max(high, along)
                if high < -0.01 or low > 1.01:
                    inside = False
            wanted[row, column] = inside
    return wanted


@kernel
def _warp(
    picture: np.ndarray, tiles: np.ndarray, found: np.ndarray, corners_u: np.ndarray, corners_v: np.ndarray
) -> None:
    """Fill a rotated, scaled image from tiles by bilinear interpolation with weights in steps of 1/256.

    A texel is 0x00RRGGBB; red and blue are interpolated together in one multiplication.
    """
    height, width, _ = picture.shape
    right_u, right_v = (corners_u[1] - corners_u[0]) / width, (corners_v[1] - corners_v[0]) / width
    down_u, down_v = (corners_u[2] - corners_u[0]) / height, (corners_v[2] - corners_v[0]) / height
    last_row, last_column = found.shape[0] - 1, found.shape[1] - 1
    side = tiles.shape[1]
    texels = tiles.reshape(-1)
    pace_u, pace_v = np.int64(right_u * 65536.0), np.int64(right_v * 65536.0)
    for row in range(height):
        u = np.int64((corners_u[0] + (row + 0.5) * down_u + 0.5 * right_u - 0.5) * 65536.0)
        v = np.int64((corners_v[0] + (row + 0.5) * down_v + 0.5 * right_v - 0.5) * 65536.0)
        for column in range(width):
            i, j = u >> 16, v >> 16
            fu, fv = np.uint32((u >> 8) & 255), np.uint32((v >> 8) & 255)
            u += pace_u
            v += pace_v
            c, r = min(last_column, max(0, i // TILE)), min(last_row, max(0, j // TILE))
            at = np.uint64((found[r, c] * side + j - r * TILE) * side + i - c * TILE)
            below = at + np.uint64(side)
            one = np.uint64(1)
            p, q, s, t = texels[at], texels[at + one], texels[below], texels[below + one]
            eu, ev = np.uint32(256) - fu, np.uint32(256) - fv
            low = (((p & _RED_BLUE) * eu + (q & _RED_BLUE) * fu) >> _BYTE) & _RED_BLUE
            high = (((s & _RED_BLUE) * eu + (t & _RED_BLUE) * fu) >> _BYTE) & _RED_BLUE
            both = np.uint32((low * ev + high * fv) >> _BYTE)
            low = ((p & _GREEN) * eu + (q & _GREEN) * fu) >> _BYTE
            high = ((s & _GREEN) * eu + (t & _GREEN) * fu) >> _BYTE
            picture[row, column, 0] = np.uint8(both >> np.uint32(16))
            picture[row, column, 1] = np.uint8((low * ev + high * fv) >> np.uint32(16))
            picture[row, column, 2] = np.uint8(both)
