import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

# No test may open a window.
os.environ["SDL_VIDEODRIVER"] = "dummy"


@pytest.fixture(scope="session")
def real_circuits() -> list[Path]:
    """Files of real circuits, which are not part of this repository."""
    folder = Path(os.environ.get("RLKIT_TRACKS", Path(__file__).parents[4] / "shared" / "tracks"))
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        pytest.skip(f"no real circuits in {folder}; RLKIT_TRACKS may name another folder of CSV files")
    return paths


@pytest.fixture
def write_circuit(tmp_path: Path) -> Callable[..., str]:
    def write(points: np.ndarray, half_width: float = 5.0, name: str = "circuit") -> str:
        path = tmp_path / f"{name}.csv"
        lines = [
            "# x_m,y_m,w_tr_right_m,w_tr_left_m",
            *(f"{x!r},{y!r},{half_width},{half_width}" for x, y in points.tolist()),
        ]
        path.write_text("\n".join(lines))
        return str(path)

    return write


@pytest.fixture
def circle(write_circuit: Callable[..., str]) -> str:
    """A circuit that is a circle of radius 50 m around the origin, driven counter-clockwise from (50, 0)."""
    angles = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    return write_circuit(50.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1), name="circle")
