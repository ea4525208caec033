"""How large pictures and batches of them may be, so that what a file asks for is refused before memory is taken."""

from rlkit.errors import UserError

SIDES = (8, 4096)  # pixels that pictures may be high and wide where somebody says how large
LARGEST_BATCH = 2**28  # pixels: 12 pictures of 22 megapixels, which with their labels take a gigabyte


def check_size(size: tuple[int, int]) -> None:
    """Refuse a height and width that pictures cannot be brought to.

    Raises:
        UserError: A side is too small or too large.
    """
    low, high = SIDES
    if not all(low <= pixels <= high for pixels in size):
        raise UserError(
            f"Pictures are from {low} to {high} pixels high and wide, not {size[0]}×{size[1]} (height × width)."
        )


def check_batch(count: int, size: tuple[int, int]) -> None:
    """Refuse a batch that takes too much memory.

    Args:
        count: Pictures in it.
        size: Height and width of each.

    Raises:
        UserError: It does.
    """
    height, width = size
    if count * height * width > LARGEST_BATCH:
        raise UserError(
            f"A batch of {count:,} pictures of {height}×{width} pixels (height × width) is too large: it may have "
            f"{LARGEST_BATCH / 1e6:.0f} million pixels in all. Choose smaller pictures (--size) or a smaller "
            "batch_size."
        )
