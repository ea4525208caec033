"""Contact sheets of the driving simulator: every weather by every sensor, streets, and circuits from above.

python scripts/images/contact_sheets.py --out sheets                       # weathers by sensors, mixtures, streets
python scripts/images/contact_sheets.py --out sheets --circuits FOLDER     # circuits from CSV files, too
"""

import argparse
from pathlib import Path

import gymnasium
import numpy as np
import numpy.typing as npt
import rlkit_envs  # noqa: F401  (registers the environments)
from PIL import Image, ImageDraw, ImageFont
from rlkit_envs.driving.terrain.layers import Needs, build_ground
from rlkit_envs.driving.weather.presets import HELD_OUT_WEATHERS, WEATHERS

Picture = npt.NDArray[np.uint8]

# Colours for the classes of a segmentation, in their order.
PALETTE = np.array(
    [
        (112, 166, 222),
        (30, 92, 44),
        (98, 160, 70),
        (205, 178, 122),
        (92, 94, 102),
        (240, 240, 236),
        (214, 62, 58),
        (70, 90, 230),
        (250, 150, 30),
        (200, 120, 200),
        (140, 70, 20),
    ],
    dtype=np.uint8,
)
SIZE = (192, 256)  # of the camera's picture
GAP = 6  # pixels between pictures
BACKGROUND = (24, 27, 33)
SAMPLES = 4  # along each side of a pixel of a circuit seen from above, so that the road does not fray


def sensors_in(weather: str, seed: int = 40) -> list[Picture]:
    """What the sensors of one car show in one weather."""
    env = gymnasium.make(
        "rlkit/DrivingCamera-v0",
        sensors="camera,segmentation,birdview",
        camera_size=SIZE,
        weather=weather,
        birdview="colour",
        view_size=SIZE[0],
        metres_per_pixel=0.25,
        traffic=5,
        obstacles=6,
        start="line",
    ).unwrapped
    env.reset(seed=seed, options={"circuit": 12})  # type: ignore[attr-defined]
    for _ in range(45):
        seen, _, terminated, truncated, _ = env.step(env.expert_action())  # type: ignore[attr-defined]
        if terminated or truncated:
            break
    return [seen["camera"], PALETTE[seen["segmentation"]], seen["birdview"]]


def mixtures(weather: str, count: int) -> list[Picture]:
    """Camera pictures of random mixtures of weathers, each on another circuit."""
    env = gymnasium.make("rlkit/DrivingCamera-v0", camera_size=SIZE, weather=weather, num_circuits=8, traffic=3)
    return [env.reset(seed=seed)[0]["camera"] for seed in range(count)]


def streets(count: int) -> list[list[Picture]]:
    """Camera pictures of streets, each with another camera, and below each its segmentation."""
    env = gymnasium.make(
        "rlkit/DrivingCamera-v0",
        scenes="street",
        camera_size=(2 * SIZE[0], 2 * SIZE[1]),
        num_circuits=8,
        traffic=8,
        clear_ahead=0.0,
    )
    seen = [env.reset(seed=seed)[0] for seed in range(count)]
    pictures = [np.asarray(Image.fromarray(each["camera"]).reduce(2)) for each in seen]
    return [pictures, [PALETTE[each["segmentation"][::2, ::2]] for each in seen]]


def from_above(path: Path) -> Picture:
    """A circuit's ground, seen from above in colour, in a square."""
    env = gymnasium.make(
        "rlkit/Driving-v0", sensors="birdview", birdview="colour", circuit=str(path), view_size=16, weather="clear"
    ).unwrapped
    env.reset(seed=0)
    simulator = env.episodes.simulator  # type: ignore[attr-defined]
    circuit = simulator.circuit_of(0)
    low, high = circuit.points.min(axis=0) - 40.0, circuit.points.max(axis=0) + 40.0
    side = 420
    scale = float((high - low).max()) / side
    x, y = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    middle = 0.5 * (low + high)
    points = np.stack([middle[0] + (x - side / 2) * scale, middle[1] - (y - side / 2) * scale], axis=-1)
    ground = build_ground(circuit, Needs((), 0.25))
    colours = simulator.appearances.ground[0, 0]
    layer = int(np.argmin(np.abs(ground.layers["cell"] - scale / SAMPLES)))
    total = np.zeros((side, side, 3))
    within = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    for dx in within:
        for dy in within:
            words = colours[ground.at(layer, (points + np.array([dx, dy]) * scale).reshape(-1, 2))]
            total += np.stack([(words >> shift) & 255 for shift in (0, 8, 16)], axis=-1).reshape(side, side, 3)
    return (total / SAMPLES**2).astype(np.uint8)


def sheet(rows: list[list[Picture]], names: list[str] | None, columns: list[str] | None = None) -> Image.Image:
    """Lay pictures out in rows, with names to their left and above them."""
    left, top = (110 if names else GAP), (34 if columns else GAP)
    height = sum(max(len(picture) for picture in row) + GAP for row in rows)
    width = max(sum(picture.shape[1] + GAP for picture in row) for row in rows)
    image = Image.new("RGB", (left + width, top + height), BACKGROUND)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(16)
    y = top
    for number, row in enumerate(rows):
        x = left
        for place, picture in enumerate(row):
            image.paste(Image.fromarray(picture), (x, y))
            if columns and number == 0 and place < len(columns):
                pen.text((x + 4, 8), columns[place], fill=(210, 214, 220), font=font)
            x += picture.shape[1] + GAP
        if names:
            pen.text((10, y + len(row[0]) // 2 - 10), names[number], fill=(236, 238, 242), font=font)
        y += max(len(picture) for picture in row) + GAP
    return image


def label(picture: Picture, text: str) -> Picture:
    """A picture with a line of text in its corner."""
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text(
        (8, 6), text, fill=(255, 255, 255), font=ImageFont.load_default(16), stroke_width=1, stroke_fill=(0, 0, 0)
    )
    return np.asarray(image)


def main() -> None:
    """Read the command line and write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures; existing ones are replaced")
    parser.add_argument("--circuits", type=Path, help="folder of CSV files to show from above")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = [f"{weather}\n(held out)" if weather in HELD_OUT_WEATHERS else weather for weather in WEATHERS]
    by_weather = sheet(
        [sensors_in(weather) for weather in WEATHERS], names, ["camera", "segmentation", "bird's view in colour"]
    )
    by_weather.save(arguments.out / "weathers.jpg", quality=88)
    random = [mixtures("train", 4), mixtures("train", 8)[4:], mixtures("held-out", 4)]
    sheet(random, ["train", "train", "held out"]).save(arguments.out / "mixtures.jpg", quality=88)
    pictures, labels = streets(10)
    sheet([pictures[:5], labels[:5], pictures[5:], labels[5:]], None).save(arguments.out / "streets.jpg", quality=88)
    if arguments.circuits:
        paths = sorted(arguments.circuits.glob("*.csv"))
        pictures = [label(from_above(path), path.stem) for path in paths]
        rows = [pictures[start : start + 4] for start in range(0, len(pictures), 4)]
        sheet(rows, None).save(arguments.out / "circuits.jpg", quality=88)
    for path in sorted(arguments.out.glob("*.jpg")):
        print(path)


if __name__ == "__main__":
    main()
