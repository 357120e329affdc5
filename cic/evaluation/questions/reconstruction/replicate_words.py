"""What is said of the distance between technical replicates as a yardstick."""

from __future__ import annotations

from cic.evaluation.facts import Facts
from cic.evaluation.questions.reconstruction.found import Floor, Replicates
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import rounded, with_interval


def replicate_notes(ceiling: Replicates, facts: Facts) -> list[str]:
    """Say how the model compares with technical replicates, and what of its distance from them is noise."""
    confidence = facts.interval.confidence
    which = "held-out" if ceiling.held_out else "replicate sets of all parts (too few are held out)"
    notes = [
        f"Over the {ceiling.n_sets} {which} sets the root mean squared error is {ceiling.rmse_model:.3f} for "
        f"the model, {ceiling.rmse_pca:.3f} for PCA and {ceiling.rmse_between:.3f} between replicates, whose "
        f"median r is {rounded(ceiling.pearson_median, 3)} (Spearman {rounded(ceiling.spearman_median, 3)}). Two "
        "replicates differ by the noise of both, so a perfect reconstruction of what they share would come to 0.71 "
        "of their distance, not to 0.",
        missed(ceiling.floor, facts) + _missed_of_other(ceiling.floor, confidence),
        "The reconstruction of one replicate lies "
        f"{with_interval(ceiling.ratio_to_other, confidence)} times as far from the "
        f"other replicates as these lie from each other (PCA: {ceiling.ratio_to_other_pca.value:.2f}). Below "
        "1 it foretells a second measurement better than the first one itself does; here too 0.71 is the least to "
        "be expected.",
    ]
    if against(ceiling.ratio_mean_profile) != "above":
        notes.append(
            f"Even the mean profile comes to {ceiling.ratio_mean_profile.value:.2f} times the distance of "
            "replicates: noise outweighs what distinguishes these profiles, and being as accurate as replicates "
            "says little here."
        )
    if ceiling.rmse_span_ceiling > ceiling.rmse_between:
        notes.append(
            f"Even the span ceiling of these sets, {ceiling.rmse_span_ceiling:.3f}, lies above the distance of "
            "replicates: no model trained on these profiles alone could be as accurate as they are."
        )
    return notes


def missed(floor: Floor, facts: Facts) -> str:
    """Say where the error lies between the noise of replicates and the mean profile."""
    confidence = facts.interval.confidence
    if floor.missed is None:
        return f"Between noise and the mean profile no place can be given: {facts.left_out['replicates.noise_floor']}"
    return (
        "On a scale of squared error where 0 is the noise of replicates, which a perfect model is left with, and 1 the "
        f"mean profile, it stands at {with_interval(floor.missed.model, confidence)}, PCA at "
        f"{with_interval(floor.missed.pca, confidence)}."
    )


def _missed_of_other(floor: Floor, confidence: float) -> str:
    """Say the same of the other replicates; nothing where the scale has no length."""
    if floor.missed is None or floor.missed_of_other is None:
        return ""
    of_itself, of_other = floor.missed.model.value, floor.missed_of_other.model.value
    return (
        f" Held against the other replicates of a sample, whose noise it cannot have followed: "
        f"{with_interval(floor.missed_of_other.model, confidence)}, PCA "
        f"{with_interval(floor.missed_of_other.pca, confidence)}. Of the mean profile's squared error "
        f"{with_interval(floor.shared, confidence)} is more than noise: that is what the scale spans."
        + (" Below 0, a reconstruction follows the noise of its own profile." if of_itself < 0 <= of_other else "")
    )
