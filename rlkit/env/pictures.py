"""Pictures that environments return from `render`, in the one form that viewers and videos take."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.errors import DescribedError

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
ROUNDING = 1e-3  # by which floats may lie outside of 0..1, and of 0..255

EXPECTED = "expected is an array (height, width, 3) of uint8"


class PictureReader:
    """Turns what `render` returned into (H, W, 3) uint8, for one kind of environment.

    Taken as what they mean: grey, RGB and RGBA (whose transparency is ignored) with the channels last or first, nested
    lists, the last of a list of pictures, images of PIL, bool, whole numbers from 0 to 255, and floats from 0 to 1 or
    from 0 to 255. Floats count as up to 255 from the first picture on that has a value above 1.
    """

    def __init__(self) -> None:
        self._to_255 = False

    def read(self, drawn: Any, index: int | None = None) -> npt.NDArray[np.uint8]:
        """Read one picture.

        Args:
            drawn: What `render` returned.
            index: Of the environment, for the message.

        Returns:
            (H, W, 3) uint8.

        Raises:
            DescribedError: It is no picture, or has numbers whose meaning is not known.
        """
        try:
            return np.ascontiguousarray(self._bytes(_channels_last(_array(drawn))))
        except ValueError as error:
            raise DescribedError(f"returned {error}; {EXPECTED}", index) from None

    def _bytes(self, array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """The values as uint8; ValueError where they have no known meaning."""
        kind = array.dtype.kind
        if array.dtype == np.uint8:
            return array
        if kind == "b":
            return np.where(array, np.uint8(255), np.uint8(0))
        if kind not in "iuf":
            raise ValueError(f"a picture of type {array.dtype}")
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("a picture with numbers that are not finite")
        slack = ROUNDING if kind == "f" else 0.0
        if low < -slack or high > 255.0 + slack:
            known = "0 to 1 or 0 to 255" if kind == "f" else "0 to 255"
            raise ValueError(
                f"a picture of {array.dtype} with values from {low:g} to {high:g}, which lie outside {known}"
            )
        if kind != "f":
            return array.astype(np.uint8)
        self._to_255 = self._to_255 or high > 1.0 + slack
        scaled = array.astype(np.float64) * (1.0 if self._to_255 else 255.0)
        return np.clip(np.rint(scaled), 0.0, 255.0).astype(np.uint8)


def _array(drawn: Any) -> npt.NDArray[Any]:
    """An array of numbers; ValueError where there is none."""
    if isinstance(drawn, str | bytes) or drawn is None:
        raise ValueError(f"{'nothing' if drawn is None else 'text'} instead of a picture")
    if isinstance(drawn, Sequence) and not len(drawn):
        raise ValueError("an empty list instead of a picture")
    if isinstance(drawn, Sequence) and all(isinstance(one, np.ndarray) and _is_picture(one) for one in drawn):
        return np.asarray(drawn[-1])  # the pictures since the last call, as in the render mode `rgb_array_list`
    if hasattr(drawn, "convert") and hasattr(drawn, "mode"):  # of PIL; a palette's numbers are no colours
        drawn = drawn.convert("RGB")
    try:
        array = np.asarray(drawn)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"a {type(drawn).__name__} that is no picture ({error})") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"a {type(drawn).__name__} that is no picture")
    return array


def _is_picture(array: npt.NDArray[Any]) -> bool:
    """Whether an array in a list is a picture of its own, rather than a row of one."""
    return array.ndim == 3 or (array.ndim == 2 and array.shape[1] not in CHANNELS)


def _channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(H, W, 3) of any type; ValueError for other shapes."""
    shape = array.shape
    if array.ndim == 4 and shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not array.size:
        raise ValueError(f"an array of shape {shape} that is no picture")
    if array.shape[2] not in CHANNELS and array.shape[0] in CHANNELS:
        array = array.transpose(1, 2, 0)
    if array.shape[2] not in CHANNELS:
        raise ValueError(f"an array of shape {shape} that is no picture")
    return array.repeat(3, axis=2) if array.shape[2] == 1 else array[:, :, :3]
