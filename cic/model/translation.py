"""A map from the codes of one model to those of another, which needs the codes alone: arrays, and files of them.

Axes: S samples, W numbers of the older code, V of the newer, N profiles that the map was fitted on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cic.errors import ModelError
from cic.model.threads import one_thread

FORMAT = 1
FILES = ("map.safetensors", "map.json")
"""What a map is; its digest is over these."""
ROWS = 1024


@dataclass(frozen=True)
class Expected:
    """What a map came to on profiles that neither model was trained on.

    Shares are of the squared distance to the mean of the profiles it was fitted on, over the newer model's genes.

    Attributes
    ----------
    translated, reencoded
        Share that is left unexplained by what the newer model decodes from translated codes, and from its own.
    ratio, low, high
        Of the two errors, with its paired interval; bounds are `None` where the profiles are too few for one.
    code
        Squared distance of translated codes to the newer model's own, over that of these to their mean.
    affine, kernel
        Share left unexplained with either kind of map.
    n_fitted, n_held_out
        Profiles.
    """

    translated: float
    reencoded: float
    ratio: float
    low: float | None
    high: float | None
    code: float
    affine: float
    kernel: float
    n_fitted: int
    n_held_out: int


@dataclass(frozen=True)
class CodeMap:
    """An affine map, and where there are centres a kernel ridge regression of what it leaves.

    Attributes
    ----------
    weights_WV, offset_V
        The affine map (float64).
    centres_NW, dual_NV
        Codes that it was fitted on, and their weights; none of a map that is affine alone.
    gamma
        Width of the kernel exp(-gamma |x - c|²).
    """

    weights_WV: np.ndarray
    offset_V: np.ndarray
    centres_NW: np.ndarray
    dual_NV: np.ndarray
    gamma: float = 0.0

    @property
    def kind(self) -> str:
        """What to call it: `affine` or `kernel ridge`."""
        return "kernel ridge" if len(self.centres_NW) else "affine"

    def apply(self, code_SW: np.ndarray) -> np.ndarray:
        """Translate codes of the older model, samples x W, to those of the newer, samples x V (float32)."""
        code_SW = np.asarray(code_SW, dtype=np.float64)
        with one_thread():
            code_SV = code_SW @ self.weights_WV + self.offset_V
            for start in range(0, len(code_SW) if len(self.centres_NW) else 0, ROWS):
                part_SW = code_SW[start : start + ROWS]
                code_SV[start : start + ROWS] += kernel(part_SW, self.centres_NW, self.gamma) @ self.dual_NV
        return code_SV.astype(np.float32)


def kernel(code_SW: np.ndarray, centres_NW: np.ndarray, gamma: float) -> np.ndarray:
    """Give the Gaussian kernel exp(-gamma |x - c|²), samples x centres."""
    distance_SN = np.square(code_SW).sum(axis=1)[:, None] + np.square(centres_NW).sum(axis=1)
    distance_SN -= 2 * code_SW @ centres_NW.T
    return np.exp(-gamma * np.maximum(distance_SN, 0))


@dataclass(frozen=True)
class Translation:
    """A map with the models that it is between, by the digests of their bundles, and what is to be expected of it."""

    map: CodeMap
    source: str
    target: str
    expected: Expected


def save_translation(folder: Path, translation: Translation) -> None:
    """Write a translation into `folder`, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(translation.map, name) for name in ("weights_WV", "offset_V", "centres_NW", "dual_NV")}
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / FILES[0])
    described = {
        "format": FORMAT,
        "kind": translation.map.kind,
        "gamma": translation.map.gamma,
        "source": translation.source,
        "target": translation.target,
        "expected": asdict(translation.expected),
    }
    (folder / FILES[1]).write_text(json.dumps(described, sort_keys=True, indent=1, allow_nan=False) + "\n")


def load_translation(folder: Path) -> Translation:
    """Read a translation.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or a newer release wrote it.
    """
    try:
        described = json.loads((folder / FILES[1]).read_text())
        if described["format"] != FORMAT:
            raise ModelError(
                f"a map of format {described['format']}",
                where=str(folder),
                expected=f"format {FORMAT}",
                fix="read it with the release that wrote it",
            )
        found = CodeMap(**load_file(folder / FILES[0]), gamma=float(described["gamma"]))
        return Translation(found, described["source"], described["target"], Expected(**described["expected"]))
    except ModelError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the map between codes is damaged: {error}", where=str(folder), fix="encode the profiles anew"
        ) from None


def translation_digest(folder: Path) -> str:
    """Give the SHA-256 over the bytes of what a translation is."""
    total = hashlib.sha256()
    for name in FILES:
        total.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return total.hexdigest()
