"""The model card: what a person who finds the model in the registry should know, in Markdown."""

from __future__ import annotations

from cic.evaluation.metrics import Metrics
from cic.evaluation.report.contents import findings, headline
from cic.evaluation.report.summary import summary
from cic.evaluation.words import with_interval

LONGEST = 4800
"""Characters; MLflow keeps 5,000 of a version's description, and the link to the report stands there too."""
MARKS = {"good": "✓", "bad": "✗", "open": "–"}


def model_card(metrics: Metrics, decided_before: int = 0) -> str:
    """Give the verdict, the figures, what was not measured and what the verdict rests on.

    What is too long for the registry is cut at a line, from the end, and the card says so.

    Parameters
    ----------
    decided_before
        Other models that were decided upon by the same held-out profiles.
    """
    decisions = (
        [f"- To keep in mind: {decided_before} other model(s) were decided upon by the same held-out profiles before."]
        if decided_before
        else []
    )
    profiles, listed = metrics.profiles, findings(metrics)
    lines = [
        # the registry's table of versions shows no more than this line
        f"Depth {metrics.model.depth}, {metrics.model.bottleneck_width} numbers: squared error "
        f"{with_interval(metrics.ratio_to_pca, metrics.interval.confidence, 3)} times that of PCA.",
        "",
        "## What it is",
        f"An autoencoder that turns a profile of {profiles.genes:,} genes into "
        f"{metrics.model.bottleneck_width} numbers and back; trained on {profiles.train:,} profiles, chosen "
        f"on {profiles.validation:,}, measured on {profiles.test:,} others.",
        "",
        "## Verdict",
        headline(metrics),
        "",
        *(f"- {MARKS[sentence.standing]} {topic}: {sentence.claim}" for topic, _, sentence in listed),
        *decisions,
        *(f"- To keep in mind: {caution}" for caution in metrics.cautions.values()),
        "",
        "## Figures",
        *(f"- {label.strip()}: {value}" for label, value in summary(metrics)),
    ]
    if metrics.left_out:
        lines += ["", "## Not measured"]
        lines += [f"- {name.replace('_', ' ')}: {reason}" for name, reason in metrics.left_out.items()]
    lines += ["", "## Behind the verdict"]
    lines += [f"- {topic}: {sentence.details}" for topic, _, sentence in listed if sentence.details]
    return _cut(lines)


def _cut(lines: list[str]) -> str:
    card = "\n".join(lines)
    ending = "\n…\n\nThe rest stands in the report among the artifacts of its run."
    if len(card) <= LONGEST:
        return card
    whole = card[: LONGEST - len(ending)]
    return whole[: whole.rindex("\n")] + ending
