"""Limits on the size of images and batches, checked before memory is allocated."""

from rlkit.errors import UserError

SIDES = (8, 4096)  # pixels, of height and width
MAX_BATCH = 2**28  # pixels: 1 GB with labels


def check_size(size: tuple[int, int]) -> None:
    """Check the height and width of images.

    Raises:
        UserError: A side is too small or too large.
    """
    low, high = SIDES
    if not all(low <= pixels <= high for pixels in size):
        raise UserError(
            f"Pictures must be from {low} to {high} pixels high and wide, not {size[0]}×{size[1]} (height × width)."
        )


def check_batch(count: int, size: tuple[int, int]) -> None:
    """Check the memory of a batch.

    Args:
        count: Number of images.
        size: Height and width of each.

    Raises:
        UserError: The batch is too large.
    """
    height, width = size
    if count * height * width > MAX_BATCH:
        raise UserError(
            f"A batch of {count:,} pictures of {height}×{width} pixels (height × width) is too large: at most "
            f"{MAX_BATCH / 1e6:.0f} million pixels in all. Choose smaller pictures (--size) or a smaller batch_size."
        )
