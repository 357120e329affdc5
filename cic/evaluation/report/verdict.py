"""What the figures come to, in sentences for a biologist who did not run it. Nothing is called better by chance.

Everything here is read from the dictionary that `metrics.json` holds (see `evaluate.measure` for its keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Metrics = Mapping[str, Any]
Standing = Literal["good", "bad", "open"]

METHOD_NAMES = {
    "model_classifier": "the model's classifier",
    "code_logistic": "logistic regression on the code",
    "pca_logistic": "logistic regression on PCA codes",
    "pca_centroid": "nearest centroid on PCA codes",
    "majority": "always the most frequent type",
}


@dataclass(frozen=True)
class Sentence:
    """One finding: whether it speaks for the model, against it, or leaves it open."""

    standing: Standing
    text: str


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


def against(interval: Metrics, line: float = 1.0) -> Literal["below", "above", "undecided"]:
    """Tell on which side of `line` an interval lies as a whole."""
    if interval["high"] is None or interval["low"] is None:
        return "undecided"
    if interval["high"] < line:
        return "below"
    return "above" if interval["low"] > line else "undecided"


def verdict(metrics: Metrics) -> list[Sentence]:
    """Give the sentences at the top of the report."""
    found = [_anything_learnt(metrics), _pca(metrics), _replicates(metrics), _labels(metrics), _cell_type(metrics)]
    sentences = [sentence for sentence in found if sentence is not None]
    if metrics["audit"]["passed"]:
        sentences.append(Sentence("good", "The audit found no leak between the training and the held-out profiles."))
    else:
        n = metrics["audit"]["blocking"]
        sentences.append(
            Sentence(
                "bad",
                f"The audit found {n} way{'s' * (n != 1)} in which held-out profiles may be known from training: the "
                "figures here flatter the model, and it will not be promoted.",
            )
        )
    return sentences + [Sentence("open", caution) for caution in metrics["cautions"].values()]


def _anything_learnt(metrics: Metrics) -> Sentence | None:
    """Speak up where the model is no better than directions drawn blindly, which keep their share of any noise."""
    width, genes = metrics["model"]["bottleneck_width"], metrics["profiles"]["genes"]
    blind = 1 - width / max(genes, width)
    model = metrics["unexplained_variance"]["model"]
    if against(model, blind) == "below":
        return None
    if model["low"] is None:
        return Sentence("open", "There are too few independent held-out profiles to tell whether anything was learnt.")
    return Sentence(
        "bad",
        f"The model reproduces held-out profiles no better than {width} direction{'s' * (width != 1)} of gene space "
        f"drawn blindly would ({percent(blind)} unexplained): next to nothing was learnt from these data.",
    )


def _pca(metrics: Metrics) -> Sentence:
    width = metrics["model"]["bottleneck_width"]
    model, pca = (metrics["unexplained_variance"][name]["value"] for name in ("model", "pca"))
    ratio, confidence = metrics["ratio_to_pca"], metrics["interval"]["confidence"]
    left = (
        f"With {width} number{'s' * (width != 1)} a profile, {percent(model)} of the variance of held-out profiles "
        f"stays unexplained; with PCA of equal width it is {percent(pca)}."
    )
    if metrics["model"]["depth"] == 0:
        left += " The chosen model has no hidden layer, so it is linear as PCA is."
    told = f"Their ratio is {with_interval(ratio, confidence)}"
    side = against(ratio)
    if side == "below":
        return Sentence("good", f"{left} {told}: better than PCA.")
    if side == "above":
        return Sentence("bad", f"{left} {told}: worse than PCA.")
    return Sentence("bad", f"{left} {told}: no better than PCA, as far as these profiles can tell.")


def _replicates(metrics: Metrics) -> Sentence:
    ceiling, confidence = metrics["replicates"], metrics["interval"]["confidence"]
    if ceiling is None:
        reason = metrics["left_out"]["replicates"]
        return Sentence("open", f"How near this comes to measuring again cannot be said: {reason}")
    which = "held-out" if ceiling["held_out"] else "partly trained-on, so flattering,"
    told = (
        f"The distance of a profile from its reconstruction is {with_interval(ceiling['ratio'], confidence)} times "
        f"that between two technical replicates ({ceiling['n_sets']} {which} replicate sets; PCA: "
        f"{ceiling['ratio_pca']['value']:.2f})"
    )
    side = against(ceiling["ratio"])
    if side == "below":
        return Sentence("good" if ceiling["held_out"] else "open", f"{told}: as accurate as replicates.")
    if side == "above":
        return Sentence("bad", f"{told}: less accurate than replicates.")
    return Sentence("open", f"{told}: not to be told from replicates.")


def _labels(metrics: Metrics) -> Sentence | None:
    labels = metrics["labels"]
    if labels is None or labels["n"] < 2:
        return None
    better, worse = labels["n_better_than_pca"], labels["n_worse_than_pca"]
    if not better and not worse:
        return Sentence(
            "open",
            f"On none of the {labels['n']} cell types among the held-out profiles is the difference from PCA clear: "
            "the interval allows either, or there are too few profiles.",
        )
    text = (
        f"Of {labels['n']} cell types among the held-out profiles, the model is better than PCA on {better} and worse "
        f"on {worse}; on {labels['n_undecided']} the interval allows either or there are too few profiles."
    )
    standing: Standing = "good" if better > labels["n"] / 2 else "open"
    return Sentence("bad" if worse > better else standing, text)


def _cell_type(metrics: Metrics) -> Sentence:
    found, confidence = metrics["classification"], metrics["interval"]["confidence"]
    if found is None:
        return Sentence("open", f"Cell identity was not measured: {metrics['left_out']['classification']}")
    best = "model_classifier" if "model_classifier" in found["methods"] else "code_logistic"
    balanced = found["methods"][best]["balanced_accuracy"]
    told = (
        f"The cell type of a held-out profile is told from its code with a balanced accuracy of "
        f"{with_interval(balanced, confidence)} by {METHOD_NAMES[best]}; chance is {found['chance']:.2f}, and "
        f"{METHOD_NAMES['pca_logistic']} reaches {found['methods']['pca_logistic']['balanced_accuracy']['value']:.2f}"
    )
    if against(balanced, found["chance"]) != "above":
        return Sentence("bad", f"{told}: no better than chance.")
    side = against(found["difference_to_pca"], 0.0)
    if side == "above":
        return Sentence("good", f"{told}: better than from PCA.")
    if side == "below":
        return Sentence("bad", f"{told}: worse than from PCA.")
    return Sentence("open", f"{told}: well above chance, but no better than from PCA.")


def summary(metrics: Metrics) -> list[tuple[str, str]]:
    """Give the lines that a terminal shows after a run: a label and a value each."""
    confidence = metrics["interval"]["confidence"]
    unexplained, model = metrics["unexplained_variance"], metrics["model"]
    ceiling, found = metrics["replicates"], metrics["classification"]
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
    if found is not None:
        name = "model_classifier" if "model_classifier" in found["methods"] else "code_logistic"
        balanced = with_interval(found["methods"][name]["balanced_accuracy"], confidence)
        lines.append((f"balanced accuracy, {METHOD_NAMES[name]}", f"{balanced}, chance {found['chance']:.2f}"))
    audit = metrics["audit"]
    lines.append(("leakage audit", "passed" if audit["passed"] else f"failed: {audit['blocking']} findings"))
    return lines
