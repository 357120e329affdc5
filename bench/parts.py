"""What `make bench` measures, part by part; each rival runs in a process of its own, in turns with the others."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.data import preparing_seconds
from bench.measurements import whole_evaluation, whole_search
from bench.rivals import Point, Settings, genes_by_lightning, genes_by_torch, pca_by_sklearn
from bench.trials import our_curve, speed_reached, trials_side_by_side
from bench.tune_rival import RECORD
from bench.turns import alone, in_turns, summary
from cic.config import Training

LITTLE = {
    "bootstrap": 200,
    "epochs": 10,
    "folds": 2,
    "label_weights": (0.1,),
    "permutations": 100,
    "seeds": 1,
    "split_seeds": 1,
    "group_sets": 4,
}
"""Parameters of the evaluation where nothing but the bench itself is tried."""


def ours(quick: bool) -> dict[str, int]:
    """Give the ranks that we train at, by name."""
    return {"rank 256": 256} if quick else {"full rank": 0, "rank 256": 256}


def trials(file: str, rounds: int, quick: bool) -> dict[str, Any]:
    """Time trials of equal epochs in turns, and count what of the machine's speed ours reach."""
    epochs, timed = Training().epochs, 2 if quick else 5
    jobs: dict[str, Any] = {name: (trials_side_by_side, (file, rank)) for name, rank in ours(quick).items()}
    jobs["genes, PyTorch"] = (_trial_over_genes, (file, epochs, timed))
    if _has_lightning():
        jobs["genes, Lightning"] = (_trial_by_lightning, (file, epochs, timed))
    jobs["PCA, scikit-learn"] = (_pca, (file,))
    for name, rank in ours(quick).items():
        jobs[f"speed, {name}"] = (speed_reached, (file, rank))
    found = {name: summary(one) for name, one in in_turns(jobs, rounds, warm_up=not quick).items()}
    for name in ours(quick):
        for rival in ("genes, PyTorch", "genes, Lightning"):
            if rival in found:
                ratio = found[rival]["seconds"]["median"] / found[name]["seconds"]["median"]
                found[name][f"times as fast as {rival}"] = {"median": ratio}
    return found


def errors(file: str, rounds: int, quick: bool) -> dict[str, Any]:
    """Compare the errors at the end, and the times to the same error, each trained to its end."""
    settings = replace(best_settings(), epochs=6) if quick else best_settings()
    jobs: dict[str, Any] = {name: (_ours_to_an_end, (file, rank)) for name, rank in ours(quick).items()}
    jobs["genes, PyTorch"] = (_genes_to_an_end, (file, settings))
    found: dict[str, Any] = {}
    curves: dict[str, list[Point]] = {}
    for name, one in in_turns(jobs, rounds, warm_up=not quick).items():
        curves[name] = [Point(int(epoch), seconds, error) for epoch, seconds, error in one[0].pop("points")]  # type: ignore[attr-defined]
        for other in one[1:]:
            other.pop("points")
        found[name] = summary(one)
    rival = curves["genes, PyTorch"]
    end = min(rival, key=lambda point: point.error)
    for name in ours(quick):
        reached = next((point.seconds for point in curves[name] if point.error <= end.error), math.nan)
        preparing = found[name]["preparing_seconds"]["median"]  # once for all trials of a search
        found[name]["seconds_to_the_rivals_error"] = {"median": reached}
        found[name]["times_as_soon"] = {"median": end.seconds / reached}
        found[name]["times_as_soon_with_preparing"] = {"median": end.seconds / (reached + preparing)}
        needed = curves[name][-1].seconds
        theirs = [point.error for point in rival if point.seconds <= needed]
        found[name]["rivals_error_by_then"] = {"median": min(theirs, default=math.nan)}
    found["PCA, scikit-learn"] = {"error": {"median": alone(_pca, file)["error"]}}
    return found


def searched(file: str, rounds: int, quick: bool) -> dict[str, Any]:
    """Time whole searches, as the parameters have them and at full rank."""
    jobs = {f"search, {name}": (whole_search, (file, 6 if quick else 60, rank)) for name, rank in ours(quick).items()}
    return {name: summary(one) for name, one in in_turns(jobs, rounds, warm_up=not quick).items()}


def evaluated(file: str, rounds: int, quick: bool) -> dict[str, Any]:
    """Time the evaluation with every measure, once after a warm-up that is a smaller one."""
    epochs, little = (10, LITTLE) if quick else (Training().epochs, {})
    return {"evaluation": summary([alone(whole_evaluation, file, epochs, little)])}


def best_settings() -> Settings:
    """Give what tuning found for the rival (`python -m bench.tune_rival`)."""
    names = Settings.__dataclass_fields__
    return Settings(
        **{name: value for name, value in json.loads(RECORD.read_text())["trials"][0].items() if name in names}
    )


def _trial_over_genes(file: str, epochs: int, timed: int) -> dict[str, float]:
    points = genes_by_torch(file, best_settings(), timed + 1)
    per_epoch = (points[-1].seconds - points[0].seconds) / timed
    return {"seconds": per_epoch * epochs, "seconds_per_epoch": per_epoch}


def _trial_by_lightning(file: str, epochs: int, timed: int) -> dict[str, float]:
    points = genes_by_lightning(file, best_settings(), timed + 1)
    per_epoch = (points[-1].seconds - points[0].seconds) / timed
    return {"seconds": per_epoch * epochs, "seconds_per_epoch": per_epoch}


def _pca(file: str) -> dict[str, float]:
    seconds, error = pca_by_sklearn(file)
    return {"seconds": seconds, "error": error}


def _ours_to_an_end(file: str, rank: int) -> dict[str, Any]:
    return {**_ended(our_curve(file, rank)), "preparing_seconds": preparing_seconds(file, rank)}


def _genes_to_an_end(file: str, settings: Settings) -> dict[str, Any]:
    return _ended(genes_by_torch(file, settings))


def _ended(points: list[Point]) -> dict[str, Any]:
    best = min(points, key=lambda point: point.error)
    told = [(point.epoch, point.seconds, point.error) for point in points]
    return {"seconds": points[-1].seconds, "error": best.error, "points": told}


def _has_lightning() -> bool:
    try:
        import lightning  # noqa: F401
    except ImportError:
        Console(stderr=True).print(
            escape("Lightning is not installed (pip install '.[bench]'): that rival is left out")
        )
        return False
    return True
