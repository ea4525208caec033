"""COCO's average precision by its public evaluator, pycocotools (Lin et al. 2014)."""

import contextlib
import importlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.detection.objects import Objects
from rlkit.errors import UserError
from rlkit.perception.detections import THRESHOLD, Detections

EXTRA = 'pip install "rlkit-toolkit[detection]"'
LARGEST = 1e10  # area
MAX_DETECTIONS = 100  # of a picture


@dataclass(frozen=True)
class PrecisionResult:
    """COCO's figures; NaN where there is no object to find.

    Args:
        ap: Average precision, mean over IoU from 0.50 to 0.95 and kinds of objects.
        ap50: At an IoU of 0.50.
        ap75: At an IoU of 0.75.
        small: `ap` of objects of less than 32² pixels.
        medium: `ap` of those up to 96² pixels.
        large: `ap` of larger ones.
        by_kind: `ap` of each kind of object.
        ap50_by_kind: `ap50` of each kind of object.
        distance_error: Median relative error of the distance, of objects found with a score of at least 0.3 and an IoU
            of at least 0.5.
        objects: Number of objects that are not ignored.
    """

    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    by_kind: dict[str, float]
    ap50_by_kind: dict[str, float]
    distance_error: float
    objects: int


def check_evaluator() -> None:
    """Check that pycocotools is installed.

    Raises:
        UserError: It is not.
    """
    try:
        importlib.import_module("pycocotools.cocoeval")
    except ModuleNotFoundError as error:
        raise UserError(f"Detectors are measured by the package {error.name!r}: {EXTRA}", exit_code=1) from error


class AveragePrecision:
    """Collects true and found objects of pictures.

    Args:
        kinds: Names of the kinds of objects.
        min_height: Objects lower than so many pixels are not measured, neither found nor missed.
    """

    def __init__(self, kinds: Sequence[str], min_height: float = 0.0):
        self._kinds = tuple(kinds)
        self._min_height = min_height
        self._pictures = 0
        self._truth: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []
        self._distances: list[float] = []  # of the true objects
        self._estimates: list[float] = []  # of the found objects

    def add(self, truth: Objects, found: Detections) -> None:
        """Add a picture.

        Args:
            truth: Its objects; ignored boxes of no known kind count for all kinds.
            found: Found objects, of any score: the more, the better for the figure.
        """
        self._pictures += 1
        for k in range(len(truth)):
            ignored, label = bool(truth.ignored[k]), int(truth.labels[k])
            every = range(len(self._kinds)) if ignored and not 0 <= label < len(self._kinds) else (label,)
            for kind in every:
                self._truth.append(self._annotation(truth.boxes[k], kind, len(self._truth)) | {"iscrowd": int(ignored)})
                self._distances.append(float(truth.distances[k]))
        for k in range(len(found)):
            one = self._annotation(found.boxes[k], int(found.labels[k]), len(self._found))
            self._found.append(one | {"score": float(found.scores[k]), "iscrowd": 0})
            self._estimates.append(float(found.distances[k]))

    def _annotation(self, box: npt.NDArray[np.float32], kind: int, count: int) -> dict[str, Any]:
        x1, y1, x2, y2 = (float(number) for number in box)
        width, height = x2 - x1, y2 - y1
        return {
            "id": count + 1,  # 0 means "no match" in the evaluator
            "image_id": self._pictures,
            "category_id": kind + 1,
            "bbox": [x1, y1, width, height],
            "area": width * height,
            "height": height,
        }

    def result(self) -> PrecisionResult:
        """Evaluate.

        Raises:
            UserError: The evaluator is not installed.
        """
        check_evaluator()
        least = self._min_height
        usual = [[0.0, LARGEST], [0.0, 32.0**2], [32.0**2, 96.0**2], [96.0**2, LARGEST]]
        by_area = self._evaluated("area", usual)
        # Ranges of heights in place of areas, by the same rules: what is lower and unmatched is no error.
        by_height = self._evaluated("height", [[least, LARGEST]]) if least else by_area
        precision = by_height.eval["precision"]  # IoU, recall, kind, range of size, detections
        sizes = by_area.eval["precision"]
        kinds = dict(enumerate(self._kinds))
        return PrecisionResult(
            ap=_mean(precision[:, :, :, 0]),
            ap50=_mean(precision[0, :, :, 0]),
            ap75=_mean(precision[5, :, :, 0]),
            small=_mean(sizes[:, :, :, 1]),
            medium=_mean(sizes[:, :, :, 2]),
            large=_mean(sizes[:, :, :, 3]),
            by_kind={name: _mean(precision[:, :, k, 0]) for k, name in kinds.items()},
            ap50_by_kind={name: _mean(precision[0, :, k, 0]) for k, name in kinds.items()},
            distance_error=self._distance_error(by_height),
            objects=sum(not one["iscrowd"] and one["height"] >= least for one in self._truth),
        )

    def _evaluated(self, size: str, ranges: list[list[float]]) -> Any:
        """Run the evaluator with ranges of `area` or `height`."""
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        truth, found = COCO(), COCO()
        images = [{"id": n + 1} for n in range(self._pictures)]
        categories = [{"id": k + 1, "name": name} for k, name in enumerate(self._kinds)]
        with _quiet():
            for coco, annotations in ((truth, self._truth), (found, self._found)):
                coco.dataset = {
                    "images": images,
                    "categories": categories,
                    "annotations": [one | {"area": one[size]} for one in annotations],
                }
                coco.createIndex()
            evaluator = COCOeval(truth, found, "bbox")
            evaluator.params.areaRng = ranges
            evaluator.params.areaRngLbl = [str(number) for number in range(len(ranges))]
            evaluator.params.maxDets = [MAX_DETECTIONS]
            evaluator.evaluate()
            evaluator.accumulate()
        return evaluator

    def _distance_error(self, evaluator: Any) -> float:
        first = evaluator.params.areaRng[0]
        errors = []
        for one in evaluator.evalImgs:
            if one is None or list(one["aRng"]) != list(first):
                continue
            matches = zip(one["dtIds"], one["dtMatches"][0], one["dtIgnore"][0], one["dtScores"], strict=True)
            for found, match, ignored, score in matches:
                if match and not ignored and score >= THRESHOLD:
                    true = self._distances[int(match) - 1]
                    errors.append(abs(self._estimates[int(found) - 1] - true) / true if true > 0 else np.nan)
        known = [error for error in errors if np.isfinite(error)]
        return float(np.median(known)) if known else float("nan")


def _mean(precision: npt.NDArray[np.float64]) -> float:
    """Mean of what the evaluator could measure, which marks the rest by -1."""
    known = precision[precision > -1]
    return float(known.mean()) if known.size else float("nan")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the evaluator's output."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
