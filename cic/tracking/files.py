"""What a registered version is known by: its tags, and the digests of its files."""

from __future__ import annotations

import hashlib
from pathlib import Path

TAG_BUNDLE = "cic.bundle_digest"
TAG_FILES = "cic.files"
"""Of a version: the SHA-256 of each file that it is used by, as JSON by path below the model's root."""
TAG_VERSION = "cic.model_version"
TAG_METRICS = "cic.metrics_digest"
TAG_STAGES = "cic.stages_digest"
"""Of a run: the digests of its files `metrics.json` and `stages.json`."""
TAG_VALIDATION = "cic.validation."
"""Begins tags that end in a validation's name: of a run, the SHA-256 of its file; of a version, what it came to."""
SERVED = Path(__file__).parent.parent / "serving" / "pyfunc.py"


def file_digests(root: Path) -> dict[str, str]:
    """Give the SHA-256 of the bundle's files and of the code that serves them, by path below the model's root."""
    paths = [root / SERVED.name, *sorted((root / "artifacts").rglob("*"))]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }
