"""What was scored, by which model, where its codes are, and what could not be: `scores.json` of a folder of scores."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cic.errors import DataError
from cic.written import whole

NAME = "scores.json"


@dataclass(frozen=True)
class Entry:
    """One input that was scored, or could not be.

    Attributes
    ----------
    key
        Digest of what the codes depend on: the input's content, the model, and how the input was read.
    input
        Its path below the folder that was scored.
    sha256
        Of its content.
    model, model_digest
        Name and version such as ``cic/3``, and the SHA-256 of the bundle.
    at
        When, in UTC, as ISO 8601.
    samples
        Number of profiles; 0 where it could not be scored.
    file
        Its table of codes, below the folder of scores; empty where there is none.
    said
        How like the profiles are to those that the model was tried on, or why it could not be scored.
    foreign
        Whether they are from elsewhere as a whole.
    """

    key: str
    input: str
    sha256: str
    model: str
    model_digest: str
    at: str
    samples: int
    file: str
    said: str
    foreign: bool = False

    @property
    def failed(self) -> bool:
        """Whether it could not be scored."""
        return not self.file


def key_of(sha256: str, model_digest: str, reading: Mapping[str, Any]) -> str:
    """Give what an input, a model and a way of reading are known by together."""
    content = json.dumps([sha256, model_digest, dict(reading)], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def read_index(scores: Path) -> dict[str, Entry]:
    """Give all entries by key, oldest first; none where nothing was scored yet.

    Raises
    ------
    DataError
        If the index is damaged.
    """
    path = scores / NAME
    try:
        entries = [Entry(**one) for one in json.loads(path.read_bytes())["inputs"]]
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"the index of scores is damaged: {error}", where=str(path),
            fix="put it back from a copy, or move the folder of scores away and score again",
        ) from None  # fmt: skip
    return {entry.key: entry for entry in entries}


def write_index(scores: Path, entries: Mapping[str, Entry]) -> None:
    """Put a new index in the place of the old one, whole or not at all."""
    with whole(scores / NAME) as partial, partial.open("w") as file:
        json.dump({"inputs": [asdict(one) for one in entries.values()]}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
