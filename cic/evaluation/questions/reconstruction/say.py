"""Sections on what the model can do: reconstruction, cell types one by one, the look of the codes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.reconstruction import draw as figures
from cic.evaluation.questions.reconstruction.found import Found
from cic.evaluation.questions.reconstruction.replicate_words import missed, replicate_notes
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Sentence, Standing, percent, rounded, with_interval

HARDLY_BETTER = 0.99
"""Ratio to PCA above which a gain, however sure, is not worth a model."""


def reconstruction_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show reconstruction error beside mean profile, PCA, span ceiling and replicates."""
    facts, ceiling = evidence.facts, found.replicates
    width, confidence = facts.model.bottleneck_width, facts.interval.confidence
    rmse = {name: one for name, one in found.rmse if one is not None}
    unexplained = {name: one for name, one in found.unexplained_variance if one is not None}
    pearson, spearman = found.pearson_median, found.spearman_median
    notes = [
        "Mean profile: the training mean for everyone. Mean of the type: the mean of the training profiles of the same "
        "cell type, for whoever knows that. Span ceiling: the least error that any such model could reach from these "
        "training profiles, since it can only make combinations of what they span.",
        f"Median Pearson r over genes between a profile and its reconstruction: {rounded(pearson.model, 3)} (Spearman "
        f"{rounded(spearman.model, 3)}); PCA {rounded(pearson.pca, 3)} ({rounded(spearman.pca, 3)}); even the mean "
        f"profile {rounded(pearson.mean_profile, 3)} ({rounded(spearman.mean_profile, 3)}), because genes differ so "
        "much in level.",
        *_type_mean_notes(found, facts),
    ]
    if ceiling is None:
        notes.append(f"No replicate ceiling: {facts.left_out['replicates']}")
    else:
        rmse["replicates"] = Interval(ceiling.rmse_between, None, None)
        notes += replicate_notes(ceiling, facts)
    order = ("mean_profile", "type_mean", "pca", "model", "replicates", "span_ceiling")
    spoken = ", ".join(f"{name.replace('_', ' ')} {rmse[name].value:.3f}" for name in order if name in rmse)
    picture = draw(
        folder, "reconstruction", f"Root mean squared error a gene: {spoken}.",
        figures.reconstruction(rmse, unexplained, width, evidence.gene_unit),
    )  # fmt: skip
    return Section(
        key="reconstruction",
        title="How well are profiles reproduced?",
        claim=f"Unexplained variance is {with_interval(found.ratio_to_pca, confidence)} times "
        "that of PCA with as many numbers. Further left is better.",
        picture=picture,
        baseline="PCA of equal width fitted on the same training profiles, mean profile, span ceiling"
        + (", mean of the type" if "type_mean" in rmse else "")
        + (", technical replicates" if ceiling else ""),
        n=_held_out(facts),
        notes=tuple(notes),
    )


def _type_mean_notes(found: Found, facts: Facts) -> list[str]:
    """Say how the model compares with the mean of the type, and on which profiles; nothing where there is none."""
    if found.ratio_to_type_mean is None:
        return []
    times = with_interval(found.ratio_to_type_mean, facts.interval.confidence)
    notes = [f"Unexplained variance is {times} times that of the mean of the type."]
    if "reconstruction.type_mean" in facts.left_out:
        notes.append(f"Mean of the type: {facts.left_out['reconstruction.type_mean']}")
    return notes


def label_section(found: Found, evidence: Evidence, folder: Path) -> Section | None:
    """Show unexplained variance over PCA's, and error over the distance of replicates, a cell type a line."""
    table, labels = evidence.labels, found.labels
    if labels is None:
        return None
    cautions = evidence.facts.cautions
    spoken = ", ".join(f"{row['label']} {row['ratio_to_pca']:.2f}" for row in table.to_dict("records"))
    picture = draw(
        folder, "labels",
        f"Ratio to PCA by cell type: {spoken}.",
        figures.label_ratios(table),
    )  # fmt: skip
    ratio = table["ratio_to_pca"].astype(float)
    span = " to ".join(dict.fromkeys(f"{end:.2f}" for end in (ratio.min(), ratio.max())))
    claim = f"Unexplained variance is {span} times that of PCA, by cell type."
    notes = [
        "Percentages are unexplained variance; r is the median Spearman r over genes between a profile and its "
        "reconstruction. A dot without a bar has too few independent profiles for an interval.",
    ]
    if labels.n_with_replicates:
        over = table["ratio_to_replicates"].dropna().astype(float)
        undecided = (
            labels.n_with_replicates - labels.n_as_accurate_as_replicates - labels.n_less_accurate_than_replicates
        )
        claim += (
            f" As accurate as replicates on {labels.n_as_accurate_as_replicates} of the {labels.n_with_replicates} "
            f"types that have some, less accurate on {labels.n_less_accurate_than_replicates}, undecided on "
            f"{undecided}."
        )
        notes.append(
            "Over replicates: root mean squared error of the reconstruction over that between technical replicates of "
            f"the same sample, in brackets the number of sets; it ranges from {over.min():.2f} to {over.max():.2f}"
            + ("." if found.replicates and found.replicates.held_out else ", of all parts, since too few are held out.")
        )
    return Section(
        key="labels",
        title="Is that so for every cell type?",
        claim=claim,
        picture=picture,
        baseline="PCA of equal width (dashed line); the mean of the type"
        + ("; technical replicates (green line)" if labels.n_with_replicates else ""),
        n=f"{evidence.facts.profiles.test} held-out profiles ({labels.by}s resampled for the intervals)",
        table=_label_table(table, with_replicates=bool(labels.n_with_replicates)),
        notes=(*notes, *([cautions["labels"]] if "labels" in cautions else [])),
    )


def _label_table(table: pd.DataFrame, *, with_replicates: bool) -> Table:
    columns = ("cell type", "n", "model", "PCA", "type mean", "r", *(("over replicates",) if with_replicates else ()))
    rows = []
    for row in table.to_dict("records"):
        cells = [str(row["label"]), str(row["n"])]
        cells += [_share(row[f"unexplained_{name}"]) for name in ("model", "pca", "type_mean")]
        cells.append("undefined" if pd.isna(row["spearman_model"]) else f"{row['spearman_model']:.3f}")
        if with_replicates:
            over = row["ratio_to_replicates"]
            cells.append("" if pd.isna(over) else f"{over:.2f} ({int(row['n_sets'])})")
        rows.append(tuple(cells))
    return Table(columns, tuple(rows))


def _share(value: float) -> str:
    return "none" if pd.isna(value) else percent(value)


def _held_out(facts: Facts) -> str:
    interval, n = facts.interval, facts.profiles.test
    return f"{n} held-out profiles ({interval.units} {interval.by}s resampled for the intervals)"


def learnt_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Speak up where the model is no better than directions drawn blindly."""
    width, blind = facts.model.bottleneck_width, facts.blind_error
    model = found.unexplained_variance.model
    if against(model, blind) == "below":
        return []
    if model.low is None:
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


def pca_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say how the model does against PCA of equal width."""
    width, ratio = facts.model.bottleneck_width, found.ratio_to_pca
    model, pca = found.unexplained_variance.model.value, found.unexplained_variance.pca.value
    details = (
        f"With {width} number{'s' * (width != 1)} a profile, {percent(model)} of the variance of held-out profiles "
        f"stays unexplained; with PCA of equal width it is {percent(pca)}."
    )
    if facts.model.depth == 0:
        details += " The chosen model has no hidden layer, so it is linear as PCA is."
    details += f" Their ratio is {with_interval(ratio, facts.interval.confidence)}."
    side = against(ratio)
    if side == "below" and facts.few_groups:
        claim = "Whether the model does better than PCA on profiles from another group cannot be told."
        return [Sentence("open", claim, f"{details} {facts.cautions['resampling']}")]
    if side == "below" and ratio.value > HARDLY_BETTER:
        return [Sentence("open", "The model does better than PCA, but by less than 1%.", details)]
    if side == "below":
        return [Sentence("good", "The model does better than PCA.", details)]
    if side == "above":
        return [Sentence("bad", "The model does worse than PCA.", details)]
    why = "it has no hidden layer" if facts.model.depth == 0 else "as far as these profiles can tell"
    return [Sentence("bad", f"The model does no better than PCA: {why}.", details)]


def replicate_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say how near the model comes to measuring again."""
    ceiling = found.replicates
    if ceiling is None:
        reason = facts.left_out["replicates"]
        return [Sentence("open", "How near this comes to measuring again cannot be said.", f"Left out: {reason}")]
    which = "held-out" if ceiling.held_out else "partly trained-on, so flattering,"
    details = (
        f"The distance of a profile from its reconstruction is "
        f"{with_interval(ceiling.ratio, facts.interval.confidence)} times that between two "
        f"technical replicates ({ceiling.n_sets} {which} replicate sets; PCA: "
        f"{ceiling.ratio_pca.value:.2f}). {missed(ceiling.floor, facts)}"
    )
    side = against(ceiling.ratio)
    if side == "below" and against(ceiling.ratio_mean_profile) != "above":
        return [
            Sentence(
                "open",
                "Replicates lie so far apart here that being as accurate as they are says little.",
                f"{details} The training mean, the same for every profile, already comes to "
                f"{ceiling.ratio_mean_profile.value:.2f}.",
            )
        ]
    if side == "below":
        standing: Standing = "good" if ceiling.held_out else "open"
        return [Sentence(standing, "Reconstructions are as accurate as technical replicates.", details)]
    if side == "above":
        return [Sentence("bad", "Reconstructions are less accurate than technical replicates.", details)]
    return [Sentence("open", "Reconstructions may be as accurate as technical replicates, or less so.", details)]


def label_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say on how many cell types the model does better than PCA, and worse."""
    labels = found.labels
    if labels is None or labels.n < 2:
        return []
    better, worse = labels.n_better_than_pca, labels.n_worse_than_pca
    if not better and not worse:
        return [
            Sentence(
                "open",
                f"On none of the {labels.n} cell types is the difference from PCA clear.",
                "The interval allows either, or there are too few held-out profiles of them.",
            )
        ]
    claim = f"Better than PCA on {better} of {labels.n} cell types, worse on {worse}."
    left = labels.n_undecided
    details = f"On {left} the interval allows either, or there are too few held-out profiles." if left else ""
    standing: Standing = "good" if better > labels.n / 2 else "open"
    return [Sentence("bad" if worse > better else standing, claim, details)]


SECTIONS = (reconstruction_section, label_section)
TOPICS = (
    Topic("Was anything learnt?", "reconstruction", learnt_sentences, ("resampling",)),
    Topic("Reconstruction against PCA", "reconstruction", pca_sentences, ("resampling",)),
    Topic("Reconstruction against replicates", "reconstruction", replicate_sentences, ("resampling", "replicates")),
    Topic("Cell type by cell type", "labels", label_sentences, ("resampling", "labels")),
)
