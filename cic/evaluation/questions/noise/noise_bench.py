"""The held-out profiles and the methods that are tried on them after each disturbance.

Axes: S disturbed profiles, A those with a label, G genes, K coordinates of the sample basis, W code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cic.evaluation.classifiers.logistic import logistic_on_codes
from cic.evaluation.questions.noise.disturbances import Classes
from cic.evaluation.statistics.intervals import Resampling
from cic.evaluation.subject import Subject
from cic.model.basis import squared_norms
from cic.seeds import generator

MOST_PROFILES = 500
"""Where more are held out, so many of them are drawn, which tells as much in less time."""
RECONSTRUCTIONS = ("model", "pca", "span", "profile", "mean_profile")
CLASSIFIERS = ("code_logistic", "pca_logistic", "profile_centroid", "profile_lda")


@dataclass(frozen=True)
class Condition:
    """What became of the disturbed profiles: squared error against the clean ones (S), and what was said (A)."""

    error: dict[str, np.ndarray]
    features: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]


@dataclass(frozen=True)
class Bench:
    """What all disturbances share: the model, and the clean held-out profiles.

    Attributes
    ----------
    z_SK, outside_S, total_S
        Clean profiles: coordinates, squared norm outside the span, squared distance from the training mean.
    train_code_AW, train_pca_AW, train_label_A
        Clean training profiles that have a label; none of them where cell types cannot be scored.
    labelled_S, true_A
        Which disturbed profiles have a label, and which label.
    plan, label_plan
        Resampling of the disturbed profiles, and of those with a label.
    """

    subject: Subject
    x_SG: np.ndarray
    z_SK: np.ndarray
    outside_S: np.ndarray
    total_S: np.ndarray
    train_code_AW: np.ndarray
    train_pca_AW: np.ndarray
    train_label_A: np.ndarray
    labelled_S: np.ndarray
    true_A: np.ndarray
    classes: Classes | None
    plan: Resampling
    label_plan: Resampling

    def made(self, z_SK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the model's codes and reconstructions of profiles in coordinates."""
        network = self.subject.bundle.network
        code_SW = network.encode(np.ascontiguousarray(z_SK, dtype=np.float32))
        return code_SW, network.decode(code_SW)

    def pca(self, z_SK: np.ndarray) -> np.ndarray:
        """Give the reconstructions of PCA of equal width."""
        width = self.subject.bundle.architecture.bottleneck_width
        made_SK = np.zeros_like(z_SK)
        made_SK[:, :width] = z_SK[:, :width]
        return made_SK

    def condition(
        self,
        z: dict[str, np.ndarray],
        profile_error_S: np.ndarray,
        profile_SK: np.ndarray,
        observed_KK: np.ndarray | None = None,
    ) -> Condition:
        """Apply every method.

        Parameters
        ----------
        z
            What `model`, `pca` and `span` are given, in coordinates.
        profile_error_S
            Squared error of the disturbed profile itself.
        profile_SK
            What the classifiers on profiles are given; only of the genes that `observed_KK` is of, unless it is `None`.
        """
        code_SW, model_SK = self.made(z["model"])
        pca_SK = self.pca(z["pca"])
        unit = self.subject.bundle.basis.scale**2
        error = {
            name: squared_norms(made_SK - self.z_SK) * unit + self.outside_S
            for name, made_SK in (("model", model_SK), ("pca", pca_SK), ("span", z["span"]))
        }
        error |= {"profile": profile_error_S, "mean_profile": self.total_S}
        if self.classes is None:
            return Condition(error, {}, {})
        profile_AK = profile_SK[self.labelled_S]
        return Condition(
            error,
            {
                "code_logistic": code_SW[self.labelled_S],
                "pca_logistic": pca_SK[self.labelled_S, : code_SW.shape[1]],
            },
            {
                "profile_centroid": self.classes.centroid(profile_AK, observed_KK),
                "profile_lda": self.classes.discriminant(profile_AK, observed_KK),
            },
        )


def bench_of(subject: Subject) -> tuple[Bench, dict[str, str]]:
    """Choose the profiles to disturb, and fit what needs labels; and tell what has to be left out, by name."""
    rows = np.flatnonzero(subject.test_S)
    if len(rows) > MOST_PROFILES:
        rows = np.sort(generator(subject.seed, "noise", "profiles").choice(rows, MOST_PROFILES, replace=False))
    plan, samples, profiles = subject.plan, subject.samples.iloc[rows], subject.profiles
    label_S = subject.column("label")
    known_S = label_S.notna().to_numpy()
    train_S = (subject.part_S == "train") & known_S
    train_label_A = label_S[train_S].astype(str).to_numpy()
    labelled_S = known_S[rows]
    true_A = label_S.iloc[rows[labelled_S]].astype(str).to_numpy()
    left_out, scored = {}, len(set(train_label_A)) >= 2 and len(set(true_A)) >= 2
    if not scored:
        why = (
            "The profiles have no labels (`data.label`)"
            if not known_S.any()
            else "There are fewer than two labels among the training or among the held-out profiles"
        )
        left_out["noise.accuracy"] = (
            f"{why}, so what noise and missing genes do to the telling of cell types is unknown."
        )
    bench = Bench(
        subject=subject,
        x_SG=np.ascontiguousarray(subject.x_SG[rows]),
        z_SK=profiles.z_SK[rows],
        outside_S=profiles.outside_S[rows],
        total_S=profiles.total_S[rows],
        train_code_AW=profiles.code_SW[train_S],
        train_pca_AW=profiles.pca_code_SW[train_S],
        train_label_A=train_label_A,
        labelled_S=labelled_S,
        true_A=true_A,
        classes=Classes.fit(profiles.z_SK[train_S], train_label_A, profiles.n_genes) if scored else None,
        plan=plan.over(samples),
        label_plan=plan.over(samples[labelled_S]),
    )
    return bench, left_out


def labels_said(bench: Bench, conditions: Sequence[Sequence[Condition]]) -> dict[str, list[list[np.ndarray]]]:
    """Give the labels that each classifier says, by level and draw.

    Logistic regression (L2, C = 1, not tuned) on standardised codes is fitted here, once for all conditions.
    """
    predicted = {name: [[one.predicted[name] for one in draws] for draws in conditions] for name in CLASSIFIERS[2:]}
    train = {"code_logistic": bench.train_code_AW, "pca_logistic": bench.train_pca_AW}
    for name, train_AW in train.items():
        model = logistic_on_codes(train_AW, bench.train_label_A)
        predicted[name] = [
            [model.predict(one.features[name].astype(np.float64)) for one in draws] for draws in conditions
        ]
    return {name: predicted[name] for name in CLASSIFIERS}
