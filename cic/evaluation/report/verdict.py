"""What the figures come to, in sentences for a biologist who did not run it. Nothing is called better by chance.

Everything here is read from the dictionary that `metrics.json` holds (see `evaluate.measure` for its keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cic.evaluation.intervals import against
from cic.evaluation.objections import blind_error, few_groups

Metrics = Mapping[str, Any]
Standing = Literal["good", "bad", "open"]

HARDLY_BETTER = 0.99
"""Ratio to PCA above which a gain, however sure, is not worth a model."""
METHOD_NAMES = {
    "joint": "joint classifier",
    "code_logistic": "logistic regression on the code",
    "code_lda": "LDA on the code",
    "code_svm_rbf": "RBF SVM on the code",
    "code_nearest": "k-nearest on the code",
    "pca_logistic": "logistic regression on PCA codes",
    "pca_lda": "LDA on PCA codes",
    "profile_logistic": "logistic regression on genes",
    "profile_lda": "LDA on genes",
    "profile_svm_linear": "linear SVM on genes",
    "profile_svm_rbf": "RBF SVM on genes",
    "profile_forest": "random forest on genes",
    "profile_nearest": "k-nearest on genes",
    "profile_centroid": "nearest centroid on genes",
    "majority": "most frequent type",
}
"""Of classifiers, with what they see: the code, PCA's code of equal width, or the profile over all genes."""


@dataclass(frozen=True)
class Sentence:
    """One finding: whether it speaks for the model, what it comes to, and the figures behind that."""

    standing: Standing
    claim: str
    told: str = ""

    @property
    def text(self) -> str:
        """The whole of it, the conclusion first."""
        return f"{self.claim} {self.told}".rstrip()


def percent(value: float) -> str:
    """Give a share as a percentage with three figures at most."""
    return f"{100 * value:.3g}%"


def with_interval(interval: Metrics, confidence: float, digits: int = 2) -> str:
    """Give ``0.91 (95% interval 0.88 to 0.94)``."""
    if interval["value"] is None:
        return "undefined"
    value = _number(interval["value"], digits)
    if interval["low"] is None:
        return f"{value} (no interval: too few independent units)"
    low, high = _number(interval["low"], digits), _number(interval["high"], digits)
    return f"{value} ({percent(confidence)} interval {low} to {high})"


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0 makes -0.00 into 0.00


def audit_sentences(metrics: Metrics) -> list[Sentence]:
    """Say whether held-out profiles may be known from training."""
    if metrics["audit"]["passed"]:
        return [Sentence("good", "The audit found no leak between the training and the held-out profiles.")]
    n = metrics["audit"]["blocking"]
    return [
        Sentence(
            "bad",
            "Held-out profiles may be known from training.",
            f"The audit found {n} reason{'s' * (n != 1)} to think so. The figures here flatter the model, and it will "
            "not be promoted.",
        )
    ]


def learnt_sentences(metrics: Metrics) -> list[Sentence]:
    """Speak up where the model is no better than directions drawn blindly."""
    width, blind = metrics["model"]["bottleneck_width"], blind_error(metrics)
    model = metrics["unexplained_variance"]["model"]
    if against(model, blind) == "below":
        return []
    if model["low"] is None:
        return [
            Sentence("open", "There are too few independent held-out profiles to tell whether anything was learnt.")
        ]
    return [
        Sentence(
            "bad",
            "Next to nothing was learnt from these data.",
            f"The model reproduces held-out profiles no better than {width} direction{'s' * (width != 1)} of gene "
            f"space drawn blindly would ({percent(blind)} unexplained).",
        )
    ]


def pca_sentences(metrics: Metrics) -> list[Sentence]:
    """Say how the model does against PCA of equal width."""
    width = metrics["model"]["bottleneck_width"]
    model, pca = (metrics["unexplained_variance"][name]["value"] for name in ("model", "pca"))
    ratio, confidence = metrics["ratio_to_pca"], metrics["interval"]["confidence"]
    told = (
        f"With {width} number{'s' * (width != 1)} a profile, {percent(model)} of the variance of held-out profiles "
        f"stays unexplained; with PCA of equal width it is {percent(pca)}."
    )
    if metrics["model"]["depth"] == 0:
        told += " The chosen model has no hidden layer, so it is linear as PCA is."
    told += f" Their ratio is {with_interval(ratio, confidence)}."
    side = against(ratio)
    if side == "below" and few_groups(metrics):
        claim = "Whether the model does better than PCA on profiles from another group cannot be told."
        return [Sentence("open", claim, f"{told} {metrics['cautions']['resampling']}")]
    if side == "below" and ratio["value"] > HARDLY_BETTER:
        return [Sentence("open", "The model does better than PCA, but by less than 1%.", told)]
    if side == "below":
        return [Sentence("good", "The model does better than PCA.", told)]
    if side == "above":
        return [Sentence("bad", "The model does worse than PCA.", told)]
    return [Sentence("bad", "The model does no better than PCA, as far as these profiles can tell.", told)]


def replicate_sentences(metrics: Metrics) -> list[Sentence]:
    """Say how near the model comes to measuring again."""
    ceiling, confidence = metrics["replicates"], metrics["interval"]["confidence"]
    if ceiling is None:
        reason = metrics["left_out"]["replicates"]
        return [Sentence("open", "How near this comes to measuring again cannot be said.", f"Left out: {reason}")]
    which = "held-out" if ceiling["held_out"] else "partly trained-on, so flattering,"
    told = (
        f"The distance of a profile from its reconstruction is {with_interval(ceiling['ratio'], confidence)} times "
        f"that between two technical replicates ({ceiling['n_sets']} {which} replicate sets; PCA: "
        f"{ceiling['ratio_pca']['value']:.2f}). {missed(metrics)}"
    )
    side = against(ceiling["ratio"])
    if side == "below" and against(ceiling["ratio_mean_profile"]) != "above":
        return [
            Sentence(
                "open",
                "Replicates lie so far apart here that being as accurate as they are says little.",
                f"{told} The training mean, the same for every profile, already comes to "
                f"{ceiling['ratio_mean_profile']['value']:.2f}.",
            )
        ]
    if side == "below":
        standing: Standing = "good" if ceiling["held_out"] else "open"
        return [Sentence(standing, "Reconstructions are as accurate as technical replicates.", told)]
    if side == "above":
        return [Sentence("bad", "Reconstructions are less accurate than technical replicates.", told)]
    return [Sentence("open", "Reconstructions may be as accurate as technical replicates, or less so.", told)]


def missed(metrics: Metrics) -> str:
    """Say where the error lies between the noise of replicates and the mean profile; there must be replicates."""
    floor, confidence = metrics["replicates"]["floor"], metrics["interval"]["confidence"]
    if floor["missed"] is None:
        return (
            f"Between noise and the mean profile no place can be given: {metrics['left_out']['replicates.noise_floor']}"
        )
    return (
        "On a scale of squared error where 0 is the noise of replicates, which a perfect model is left with, and 1 the "
        f"mean profile, it stands at {with_interval(floor['missed']['model'], confidence)}, PCA at "
        f"{with_interval(floor['missed']['pca'], confidence)}."
    )


def label_sentences(metrics: Metrics) -> list[Sentence]:
    """Say on how many cell types the model does better than PCA, and worse."""
    labels = metrics["labels"]
    if labels is None or labels["n"] < 2:
        return []
    better, worse = labels["n_better_than_pca"], labels["n_worse_than_pca"]
    if not better and not worse:
        return [
            Sentence(
                "open",
                f"On none of the {labels['n']} cell types is the difference from PCA clear.",
                "The interval allows either, or there are too few held-out profiles of them.",
            )
        ]
    claim = f"Better than PCA on {better} of {labels['n']} cell types, worse on {worse}."
    left = labels["n_undecided"]
    told = f"On {left} the interval allows either, or there are too few held-out profiles." if left else ""
    standing: Standing = "good" if better > labels["n"] / 2 else "open"
    return [Sentence("bad" if worse > better else standing, claim, told)]


def identity_sentences(metrics: Metrics) -> list[Sentence]:
    """Say how well the cell type is told from the code, and who tells it better."""
    found, confidence = metrics["identity"], metrics["interval"]["confidence"]
    if found is None:
        return [Sentence("open", "Cell identity was not measured.", f"Left out: {metrics['left_out']['identity']}")]
    balanced, rivals = found["methods"]["joint"]["balanced_accuracy"], found["differences"]["joint"]
    value = {name: found["methods"][name]["balanced_accuracy"]["value"] for name in rivals}
    told = (
        f"The cell type of a profile that was left out is told from its code with a balanced accuracy of "
        f"{with_interval(balanced, confidence)} by the joint classifier; chance is {found['chance']:.2f}, and "
        + ", ".join(f"{METHOD_NAMES[name]} {value[name]:.2f}" for name in rivals)
        + "."
    )
    if against(balanced, found["chance"]) != "above":
        return [Sentence("bad", "Cell types are told from the code no better than chance.", told)]
    if balanced["value"] == 1 and set(value.values()) == {1.0}:
        return [Sentence("open", "These cell types are so distinct that every method tells them without error.", told)]
    sides = {name: against(interval, 0.0) for name, interval in rivals.items()}
    by_side = {
        text: [METHOD_NAMES[name] for name, found_side in sides.items() if found_side == side]
        for side, text in (("below", "worse than"), ("undecided", "no better than"), ("above", "better than"))
    }
    compared = "; ".join(f"{text} {_listed(names)}" for text, names in by_side.items() if names)
    claim = f"Cell types can be told from the code: {compared}."
    if by_side["worse than"]:
        return [Sentence("bad", claim, told)]
    return [Sentence("open" if by_side["no better than"] else "good", claim, told)]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def summary(metrics: Metrics) -> list[tuple[str, str]]:
    """Give the lines that a terminal shows after a run: a label and a value each."""
    confidence = metrics["interval"]["confidence"]
    unexplained, model = metrics["unexplained_variance"], metrics["model"]
    ceiling, found = metrics["replicates"], metrics["identity"]
    lines = [
        ("architecture", f"depth {model['depth']}, bottleneck width {model['bottleneck_width']}"),
        ("held-out unexplained variance", with_interval(unexplained["model"], confidence, 3)),
        ("  of PCA of equal width", with_interval(unexplained["pca"], confidence, 3)),
        ("  span ceiling", f"{unexplained['span_ceiling']['value']:.3f}"),
        ("ratio to PCA", with_interval(metrics["ratio_to_pca"], confidence, 3)),
        (
            "error over replicate disagreement",
            f"not measured: {metrics['left_out']['replicates']}"
            if ceiling is None
            else with_interval(ceiling["ratio"], confidence)
            + f", {ceiling['n_sets']} sets"
            + ("" if ceiling["held_out"] else ", not held out"),
        ),
    ]
    if ceiling is not None:
        at = ceiling["floor"]["missed"]
        lines.append(
            (
                "  from noise floor (0) to mean profile (1)",
                f"not measured: {metrics['left_out']['replicates.noise_floor']}"
                if at is None
                else f"{with_interval(at['model'], confidence)}, PCA {at['pca']['value']:.2f}",
            )
        )
    if found is not None:
        balanced = with_interval(found["methods"]["joint"]["balanced_accuracy"], confidence)
        told = f"{balanced}, chance {found['chance']:.2f}"
        if found["bundle_classifier"] is None:
            told += "; trained for the evaluation, the model has one only with training.label_weight above 0"
        lines.append(("balanced accuracy, joint classifier", told))
    audit = metrics["audit"]
    lines.append(("leakage audit", "passed" if audit["passed"] else f"failed: {audit['blocking']} findings"))
    return lines
