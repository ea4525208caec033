"""The viewer's picture in the README: a trained driver on a circuit it never saw.

python scripts/pictures/viewer.py runs/NAME scripts/pictures/viewer.jpg
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import pygame

from rlkit import watching
from rlkit.viewer.panels import Painter
from rlkit.who import find


def main() -> None:
    """Drive for a while, draw, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder of a trained driver")
    parser.add_argument("picture", type=Path, help="file to write, .jpg or .png")
    parser.add_argument("--seconds", type=float, default=14.0, help="of driving before the picture is taken")
    parser.add_argument("--seed", type=int, default=0, help="which circuit")
    options = parser.parse_args()
    with watching.playback(find(options.run), seed=options.seed) as shown:
        for _ in range(round(options.seconds * shown.rate)):
            shown.advance()
        surface = pygame.Surface((1280, 720))
        Painter().draw(surface, shown.frame())
        pygame.image.save(surface, str(options.picture))


if __name__ == "__main__":
    main()
