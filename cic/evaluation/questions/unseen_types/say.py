"""What is said of cell types that the model never saw."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.left_out.words import judged, unexplained
from cic.evaluation.questions.unseen_types.draw import unseen_types_figure
from cic.evaluation.questions.unseen_types.found import Found
from cic.evaluation.section import Evidence, Section, Table, Topic, remarks
from cic.evaluation.words import Sentence, percent, with_interval


def unseen_types_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show how profiles of a type are reproduced by a model that never saw it, a type a line."""
    table, confidence = evidence.tables["unseen_types"], evidence.facts.interval.confidence
    spoken = ", ".join(
        f"{row['label']} {row['ratio_to_pca']:.2f} and {row['ratio_to_seen']:.2f}" for row in table.to_dict("records")
    )
    picture = draw(
        folder, "unseen_types",
        f"Squared error on each type that was left out, over that of PCA and of the model that saw the type: {spoken}.",
        unseen_types_figure(table),
    )  # fmt: skip
    n_types = found.n_types
    notes = [
        f"PCA loses as well when it never saw a type: its error is "
        f"{with_interval(found.pca_ratio_to_seen, confidence)} times that of PCA that saw it. The retrained model "
        f"that saw every type has {with_interval(found.seen_ratio_to_pca, confidence)} times the error of PCA.",
        "All are trained again, with fewer epochs than the final model. Architecture, and choice and scale of genes, "
        "stay those of the final model, which saw every type. Percentages are unexplained variance.",
    ]
    if found.replicates is not None and found.ratio_to_replicates is not None:
        notes.append(
            "The distance of a left-out profile from its reconstruction is "
            f"{with_interval(found.ratio_to_replicates, confidence)} times that between two technical replicates "
            f"({found.replicates.n_sets} replicate sets); PCA "
            f"{with_interval(found.replicates.pca, confidence)}, the model that saw the type "
            f"{with_interval(found.replicates.seen, confidence)}. At most 1 is as accurate as replicates."
        )
    if found.distance is not None:
        notes.append(
            f"Spearman's correlation over {found.distance.n_types} types between the distance to the nearest "
            "other type and the error over that of the model that saw the type: "
            f"{with_interval(found.distance.ratio_to_seen, confidence)}; between that distance and the "
            f"unexplained variance: {with_interval(found.distance.unexplained, confidence)}."
        )
    return Section(
        key="unseen_types",
        title="What of a cell type that it never saw?",
        claim=f"Trained without the type, the model has {with_interval(found.ratio_to_pca, confidence)} times the "
        f"squared error of PCA trained without it, and {with_interval(found.ratio_to_seen, confidence)} times that of "
        f"the same model trained with it. Better than PCA on {found.n_better_than_pca} of {n_types} types, worse on "
        f"{found.n_worse_than_pca}, undecided on {found.n_undecided}.",
        picture=picture,
        baseline="PCA of equal width on the same training profiles, and the same model trained with nothing left out "
        "(dashed lines at 1)",
        n=f"{found.n} held-out profiles of {n_types} types, each left out once ({found.units} {found.by}s "
        "resampled for the intervals)",
        table=Table(
            ("cell type", "n", "never saw it", "PCA", "saw it", "PCA", "nearest type", "distance"),
            tuple(
                (
                    str(row["label"]),
                    str(row["n"]),
                    *(percent(row[f"unexplained_{name}"]) for name in ("model", "pca", "seen", "pca_seen")),
                    str(row["nearest"]),
                    f"{row['distance']:.2f}",
                )
                for row in table.to_dict("records")
            ),
        ),
        notes=(*notes, *remarks(evidence, "unseen_types")),
    )


def unseen_types_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say what the error on cell types that were left out of training comes to."""
    confidence = facts.interval.confidence
    errors = found.unexplained_variance
    details = (
        "Profiles of a cell type that the model never saw are reproduced with "
        f"{with_interval(found.ratio_to_pca, confidence)} times the squared error of PCA that never saw it either, "
        f"and {with_interval(found.ratio_to_seen, confidence)} times that of the same model trained with the type "
        f"({found.n} profiles of {found.n_types} type{'s' * (found.n_types != 1)}; "
        f"{unexplained(errors.model)} of their variance stays unexplained, {unexplained(errors.seen)} "
        "with the type seen)."
    )
    return [judged("cell types", details, found)]


SECTIONS = (unseen_types_section,)
TOPICS = (Topic("Cell types never seen", "unseen_types", unseen_types_sentences, ("resampling", "unseen_types")),)
