"""Screenshots of the viewer for the README: a trained policy on an unseen circuit.

python scripts/images/viewer.py runs/NAME scripts/images/viewer.jpg
python scripts/images/viewer.py runs/NAME scripts/images/perception.jpg --perception pretrained:segnet-compact
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import pygame

from rlkit.policy import find_policy
from rlkit.viewer.panels import Painter
from rlkit.viewer.watch import playback


def main() -> None:
    """Drive for a while, draw, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder of a trained driver")
    parser.add_argument("picture", type=Path, help="file to write, .jpg or .png")
    parser.add_argument("--seconds", type=float, default=14.0, help="of driving before the picture is taken")
    parser.add_argument("--seed", type=int, default=0, help="which circuit")
    parser.add_argument("--perception", help="drive by this: truth, a perception run, a model's file, pretrained:NAME")
    parser.add_argument("--weather", help="drive in this weather")
    parser.add_argument("--errors", action="store_true", help="show the mistakes of perception")
    options = parser.parse_args()
    kwargs = {} if options.weather is None else {"weather": options.weather}
    policy = find_policy(options.run, env_kwargs=kwargs, perception=options.perception)
    with playback(policy, seed=options.seed) as shown:
        for _ in range(round(options.seconds * shown.rate)):
            shown.advance()
        surface = pygame.Surface((1280, 720))
        painter = Painter()
        painter.errors = options.errors
        painter.draw(surface, shown.frame())
        pygame.image.save(surface, str(options.picture))


if __name__ == "__main__":
    main()
