"""A picture of the six games of the arcade, as their scripted players play them, for the README.

python scripts/images/arcade.py                    # writes arcade.png beside this script
python scripts/images/arcade.py --film arcade.gif  # a short film of them all
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from rlkit_envs.arcade.env import ArcadeEnv

Picture = npt.NDArray[np.uint8]

GAP = 8  # pixels between pictures
BACKGROUND = (24, 27, 33)
COLUMNS = 3
# Seed and decision at which much is to be seen.
MOMENTS = {
    "Duel": (3, 230),
    "Bricks": (1, 800),
    "Waves": (8, 210),
    "Crossing": (6, 420),
    "Undersea": (5, 880),
    "Maze": (4, 160),
}
FILM_STEPS = 90
FILM_RATE = 15  # pictures per second


def watch(game: str, seed: int, begin: int, length: int) -> list[Picture]:
    """Pictures of a game that is played well, from one decision on.

    Args:
        game: Which.
        seed: Of the episode.
        begin: The first decision that is shown.
        length: How many are.
    """
    env = ArcadeEnv(game, render_mode="rgb_array")
    env.reset(seed=seed)
    pictures = []
    for step in range(begin + length):
        _, _, terminated, truncated, _ = env.step(env.expert_action())
        if step >= begin:
            pictures.append(env.render())
        if terminated or truncated:
            env.reset()
    return pictures


def sheet(pictures: list[Picture], width: int) -> Image.Image:
    """Lay pictures out in rows of three, each brought to a width."""
    images = [Image.fromarray(picture) for picture in pictures]
    height = round(images[0].height * width / images[0].width)
    rows = -(-len(images) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * (width + GAP) + GAP, rows * (height + GAP) + GAP), BACKGROUND)
    for place, image in enumerate(images):
        at = (GAP + (place % COLUMNS) * (width + GAP), GAP + (place // COLUMNS) * (height + GAP))
        whole.paste(image.resize((width, height), Image.Resampling.LANCZOS), at)
    return whole


def main() -> None:
    """Read the command line and write the picture or the film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("arcade.png"), help="file for the picture")
    parser.add_argument("--film", type=Path, help="make a film instead, into this GIF")
    parser.add_argument("--width", type=int, default=252, help="of each game's picture, in pixels")
    arguments = parser.parse_args()
    if arguments.film is None:
        moments = [watch(game.lower(), *MOMENTS[game], 1)[0] for game in MOMENTS]
        sheet(moments, arguments.width).save(arguments.out, optimize=True)
        print(arguments.out)
        return
    reels = [watch(game.lower(), *MOMENTS[game], FILM_STEPS) for game in MOMENTS]
    frames = [sheet(list(pictures), arguments.width) for pictures in zip(*reels, strict=True)]
    frames[0].save(
        arguments.film, save_all=True, append_images=frames[1:], duration=1000 // FILM_RATE, loop=0, optimize=True
    )
    print(arguments.film)


if __name__ == "__main__":
    main()
