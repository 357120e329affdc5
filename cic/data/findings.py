"""What the leakage audit finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "repeated_id",
    "identical",
    "near_identical",
    "mixture",
    "group_astride",
    "replicate_astride",
    "validation_of_training_groups",
    "corrected",
    "correction_astride",
    "reference_held_out",
    "label_not_in_train",
    "share",
    "compared",
]
MOST_EXAMPLES = 10


@dataclass(frozen=True)
class AuditFinding:
    """One way in which the parts are not independent, or a thing worth knowing about them.

    Attributes
    ----------
    kind
        Which check found it.
    message
        One sentence with the figures.
    examples
        Up to ten of the samples, groups or labels concerned.
    blocks
        Whether it fails the audit, and so blocks promotion.
    """

    kind: Kind
    message: str
    examples: tuple[str, ...]
    blocks: bool = True
