"""Pictures and films of the viewer for README and docs: a trained policy on an unseen circuit.

python scripts/images/viewer.py runs/NAME scripts/images/perception.jpg --perception pretrained:segnet-compact
python scripts/images/viewer.py runs/NAME scripts/images/driving.webp --film 8 --seconds 1
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import pygame
from PIL import Image

from rlkit.policy import find_policy
from rlkit.viewer.panels import Painter
from rlkit.viewer.watch import playback

FILM_SIZE = (800, 450)


def main() -> None:
    """Drive for a while, draw, save; for a film, go on and draw every decision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder of a trained driver")
    parser.add_argument("picture", type=Path, help="file to write, .jpg or .png; .webp or .gif for a film")
    parser.add_argument("--seconds", type=float, default=14.0, help="of driving before the picture is taken")
    parser.add_argument("--film", type=float, default=0.0, help="seconds of driving to film; 0 for a picture")
    parser.add_argument("--scenario", type=Path, help="file of a circuit")
    parser.add_argument("--seed", type=int, default=0, help="which circuit")
    parser.add_argument("--perception", help="drive by this: truth, a perception run, a model's file, pretrained:NAME")
    parser.add_argument("--weather", help="drive in this weather")
    parser.add_argument("--errors", action="store_true", help="show the mistakes of perception")
    options = parser.parse_args()
    kwargs = {} if options.weather is None else {"weather": options.weather}
    policy = find_policy(options.run, env_kwargs=kwargs, perception=options.perception)
    with playback(policy, seed=options.seed, scenario=options.scenario) as shown:
        for _ in range(round(options.seconds * shown.rate)):
            shown.advance()
        surface = pygame.Surface((1280, 720))
        painter = Painter()
        painter.errors = options.errors
        frames = []
        for _ in range(max(1, round(options.film * shown.rate))):
            painter.draw(surface, shown.frame())
            frames.append(Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB")))
            shown.advance()
        if options.film:
            smaller = [frame.resize(FILM_SIZE, Image.Resampling.LANCZOS) for frame in frames]
            pause = round(1000 / shown.rate)
            smaller[0].save(
                options.picture, save_all=True, append_images=smaller[1:], duration=pause, loop=0, quality=60, method=6
            )
        else:
            frames[0].save(options.picture, quality=90)


if __name__ == "__main__":
    main()
