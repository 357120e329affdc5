"""What an evaluation is about, before any question is asked, and what to keep in mind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from cic.data.checks import CONFOUNDED_ABOVE
from cic.evaluation.finding import Finding
from cic.evaluation.subject import Given, Subject, sample_column

Found = TypeVar("Found", bound=Finding)


class Profiles(Finding):
    """How many profiles, and of what."""

    train: int
    validation: int
    test: int
    genes: int
    """Modelled."""
    labels: int
    """Among the test profiles."""
    groups: int


class Model(Finding):
    """The measured model."""

    depth: int
    bottleneck_width: int
    hidden_width: int
    """0 at depth 0."""
    validation_unexplained_variance: float | None
    validation_unexplained_variance_pca: float | None


class Trials(Finding):
    """Trials of the search, by their end."""

    trials: int
    complete: int
    pruned: int
    failed: int


class Audit(Finding):
    """The leakage audit."""

    passed: int
    """1 or 0."""
    blocking: int
    """Findings that fail it."""
    findings: int


class Intervals(Finding):
    """What intervals are, unless said otherwise."""

    confidence: float
    resamples: int
    units: int
    by: str


class Facts(Finding):
    """The keys of `metrics.json` that are no answers to questions; where these are known too, `of` gives them."""

    profiles: Profiles
    model: Model
    search: Trials | None
    audit: Audit
    interval: Intervals
    left_out: dict[str, str]
    """What could not be measured, or only in part, by name: a sentence that says why."""
    cautions: dict[str, str]
    """What a reader must keep in mind, by name."""

    def of(self, kind: type[Found]) -> Found | None:
        """Give what was found, by the type of the finding; `None` if nothing was."""
        if isinstance(self, kind):
            return self
        return next((one for _, one in self if type(one) is kind), None)

    @property
    def few_groups(self) -> bool:
        """Whether the held-out profiles come from too few groups for any claim about new ones.

        The split keeps groups whole since profiles of one resemble each other. So an interval over the profiles of two
        groups says how sure we are of these two, and a claim about profiles of other groups it does not carry.
        """
        return "resampling" in self.cautions

    @property
    def blind_error(self) -> float:
        """Unexplained variance of as many directions of gene space drawn blindly: they keep their share."""
        width, genes = self.model.bottleneck_width, self.profiles.genes
        return 1 - width / max(genes, width)


def facts(subject: Subject, given: Given) -> Facts:
    """Give what is known before any question is asked."""
    shape, config, held_out = subject.bundle.architecture, subject.params.evaluate, subject.samples[subject.test_S]
    validation_S = subject.part_S == "validation"
    return Facts(
        profiles=Profiles(
            train=int((subject.part_S == "train").sum()),
            validation=int(validation_S.sum()),
            test=int(subject.test_S.sum()),
            genes=subject.profiles.n_genes,
            labels=int(sample_column(held_out, "label").dropna().astype(str).nunique()),
            groups=int(sample_column(held_out, "group").nunique()),
        ),
        model=Model(
            depth=shape.depth,
            bottleneck_width=shape.bottleneck_width,
            hidden_width=shape.hidden_width if shape.depth else 0,
            validation_unexplained_variance=_share(subject.errors, "model", validation_S),
            validation_unexplained_variance_pca=_share(subject.errors, "pca", validation_S),
        ),
        search=_trial_counts(given.trials),
        audit=Audit(
            passed=int(given.audit["passed"]),
            blocking=sum(bool(finding["blocks"]) for finding in given.audit["findings"]),
            findings=len(given.audit["findings"]),
        ),
        interval=Intervals(
            confidence=config.confidence,
            resamples=config.bootstrap,
            units=subject.plan.n_units,
            by=subject.plan.by,
        ),
        left_out={},
        cautions=_cautions(subject, given),
    )


def _cautions(subject: Subject, given: Given) -> dict[str, str]:
    found = {"resampling": subject.plan.caution, "confounding": confounding(subject.samples, given.checks), "basis": ""}
    if (n_measured := len(subject.samples)) < given.n_profiles:
        found["sample"] = (
            f"Everything here is measured on {n_measured:,} of {given.n_profiles:,} profiles, drawn at random, "
            f"{int(subject.test_S.sum()):,} of them held out (`evaluate.most_profiles`); the model was trained on more."
        )
    if (left_out := subject.bundle.basis.left_out) > 1e-6:
        found["basis"] = (
            f"The sample basis is truncated and leaves out {100 * left_out:.2g}% of the training "
            "variance; the span ceiling is that of this basis."
        )
    if (start := subject.bundle.about.get("started_from")) is not None:
        found["start"] = (
            f"Training started from {start['model']}: {start['profiles']:,} profiles that it makes, over "
            f"{start['shared_genes']:,} shared genes, count {start['share']:g} times as much as the training profiles."
            if start["share"]
            else f"Training was to start from {start['model']}, which did not help on the validation part: nothing was "
            "taken from it."
        ) + " PCA, and whatever is trained again here, knows nothing of it."
    if (within := subject.bundle.preprocessor.within) != "none":
        found["within_sample"] = (
            f"Every profile was normalised by its ranks (`preprocess.within_sample: {within}`): errors are not to be "
            "compared with those of a model of other values, and what the model gives back has the spread of the "
            "training profiles."
        )
    return {name: text for name, text in found.items() if text}


def confounding(samples: pd.DataFrame, checks: Mapping[str, Any]) -> str:
    """Say how far label and group can be told apart in these data; empty where they can."""
    if "label" not in samples:
        return ""
    columns = [
        f"{one['labels_with_one_value']} of {samples['label'].nunique()} cell types occur with a single value of the "
        f"column `{one['column']}`, so if that is a batch, what tells cell types apart may be the batch."
        for one in checks["confounded_columns"]
    ]
    if "group" not in samples:
        return " ".join(
            [
                "The data name no group (study, donor, batch), so profiles of one study may be on both sides of the "
                "split, and what tells cell types apart may be the study.",
                *columns,
            ]
        )
    found = checks["confounding"]
    single = found["labels_in_one_group"]
    # donors of one cell type each are usual, and no harm while each type has several
    if not single or (found["cramers_v"] <= CONFOUNDED_ABOVE and len(single) < samples["label"].nunique()):
        return " ".join(columns)
    confounded = (
        f"Cell type and group are confounded (Cramér's V {found['cramers_v']:.2f}; {len(single)} of "
        f"{samples['label'].nunique()} cell types come from a single group): what tells cell types apart here may be "
        "the group."
    )
    return " ".join([confounded, *columns])


def _share(errors: dict[str, np.ndarray], method: str, mask_S: np.ndarray) -> float | None:
    if not mask_S.any():
        return None
    return float(errors[method][mask_S].sum() / errors["mean_profile"][mask_S].sum())


def _trial_counts(trials: pd.DataFrame | None) -> Trials | None:
    if trials is None:
        return None
    counts = {name: int((trials["state"] == name).sum()) for name in ("complete", "pruned", "failed")}
    return Trials(trials=len(trials), **counts)
