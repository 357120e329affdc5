"""What a validation comes to, in sentences, where the model loses first. Nothing is called better by chance."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import pandas as pd

from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, Standing, listed, percent, with_interval
from cic.validation.found import CellTypes, Validation

ORDER: tuple[Standing, ...] = ("bad", "open", "good")
ROUNDING = 1e-4
"""A difference of ratios below this is arithmetic."""
MOST_NAMED = 5
ENOUGH_COVERAGE = 0.9
HALF = 0.5


class Conclusion(NamedTuple):
    """A sentence, and the key of the page's section with its evidence."""

    topic: str
    sentence: Sentence


def conclusions(found: Validation, types: pd.DataFrame) -> list[Conclusion]:
    """Give them, the bad ones first.

    Parameters
    ----------
    types
        By label, from `cic.validation.cell_types.by_label`.
    """
    made = [
        *_reconstruction(found),
        *_worse_labels(types),
        *_cell_types(found),
        *_missed_labels(types),
        *_unknowns(found),
    ]
    if found.cautions:
        made = [Conclusion(topic, _of_few_groups(sentence)) for topic, sentence in made]
    made = [*_seen(found), *_genes(found), *_shift(found), *made]
    return sorted(made, key=lambda one: ORDER.index(one.sentence.standing))


def _of_few_groups(sentence: Sentence) -> Sentence:
    """Give it as what it is where there are too few groups to draw again: no word on others."""
    standing: Standing = "bad" if sentence.standing == "bad" else "open"
    return Sentence(
        standing, f"Of these few groups: {sentence.claim[:1].lower()}{sentence.claim[1:]}", sentence.details
    )


def headline(found: Validation, types: pd.DataFrame) -> str:
    """Give the whole in a sentence: how many of the conclusions are against the model, and its ratio to PCA."""
    sides = [one.sentence.standing for one in conclusions(found, types)]
    about, ratio = found.about, with_interval(found.reconstruction.ratio_to_pca, found.interval.confidence)
    against_it = f"{sides.count('bad')} of {len(sides)} findings speak against {about.model}"
    return (
        f"On {about.measured:,} profiles of {about.name}, its error is {ratio} of that of PCA of equal width; "
        f"{against_it}."
    )


def _seen(found: Validation) -> Iterator[Conclusion]:
    seen, about = found.seen, found.about
    if n := seen.trained_on + seen.nearly_trained_on:
        near = f"; {seen.nearly_trained_on:,} of them only nearly, as copies are" if seen.nearly_trained_on else ""
        text = f"The model was trained on {n:,} of the {about.profiles:,} profiles{near}: they are counted out."
        yield Conclusion("profiles", Sentence("open", text, f"Such as {listed(list(seen.samples[:MOST_NAMED]))}."))


def _genes(found: Validation) -> Iterator[Conclusion]:
    genes = found.genes
    text = f"The file has {genes.matched:,} of the {genes.model:,} genes that the model needs"
    standing: Standing = "good" if genes.coverage >= ENOUGH_COVERAGE else "bad"
    details = "Errors are over these. Without the others it cannot be told whether the model knew the profiles."
    details = details if genes.matched < genes.model else ""
    said = f"{text}; they tell {percent(genes.coverage)} of what its codes carry."
    yield Conclusion("profiles", Sentence(standing, said, details))


def _shift(found: Validation) -> Iterator[Conclusion]:
    shift = found.shift
    if shift is None:
        text = "Nothing is known of whether these profiles are like those that the model was tried on."
        yield Conclusion("shift", Sentence("open", text, "It keeps no reference of held-out profiles."))
        return
    mean = with_interval(shift.mean_percentile, found.interval.confidence, 0)
    details = f"Mean percentile of the errors among held-out profiles {mean}, where 50 is usual."
    claim = "As a whole the profiles are shifted" if shift.foreign else "The profiles are not shifted as a whole"
    yield Conclusion("shift", Sentence("bad" if shift.foreign else "good", f"{claim}: {shift.verdict}.", details))


def _reconstruction(found: Validation) -> Iterator[Conclusion]:
    told, confidence = found.reconstruction, found.interval.confidence
    ratio = told.ratio_to_pca
    side = against(ratio, 1 + ROUNDING if ratio.value > 1 else 1 - ROUNDING)
    side = "undecided" if abs(ratio.value - 1) < ROUNDING else side
    words = {"below": "better than", "above": "worse than", "undecided": "no better than, as far as can be told,"}
    standing: dict[str, Standing] = {"below": "good", "above": "bad", "undecided": "open"}
    text = f"It reproduces these profiles {words[side]} PCA of equal width."
    yield Conclusion(
        "reconstruction",
        Sentence(standing[side], text, f"Squared error over PCA's {with_interval(ratio, confidence)}."),
    )
    left = told.unexplained["model"]
    side = against(left)
    text = {
        "below": "It says more of these profiles than the mean training profile does.",
        "above": "The mean training profile says more of these profiles than the model does.",
        "undecided": "Whether it says more of these profiles than the mean training profile cannot be told.",
    }[side]
    details = f"It leaves {with_interval(left, confidence)} of their distance from that mean unexplained."
    yield Conclusion("reconstruction", Sentence(standing[side], text, details))


def _worse_labels(types: pd.DataFrame) -> Iterator[Conclusion]:
    worse = types[types["low"].astype(float) > 1 + ROUNDING].sort_values("ratio_to_pca", ascending=False, kind="stable")
    if len(worse):
        text = f"Of {len(worse)} of {len(types)} types it makes more error than PCA: {_named(worse, 'ratio_to_pca')}."
        yield Conclusion("types", Sentence("bad", text))


def _cell_types(found: Validation) -> Iterator[Conclusion]:
    told, confidence = found.cell_types, found.interval.confidence
    if told is None:
        return
    side = against(told.balanced_accuracy, told.chance)
    standing: dict[str, Standing] = {"above": "good", "below": "bad", "undecided": "open"}
    text = {
        "above": "It tells the cell types better than chance.",
        "below": "It tells the cell types worse than chance.",
        "undecided": "That it tells the cell types better than chance is not sure.",
    }[side]
    balanced, accuracy = (with_interval(one, confidence) for one in (told.balanced_accuracy, told.accuracy))
    details = f"Balanced accuracy {balanced}, where chance is {told.chance:.2f}; accuracy {accuracy}."
    if told.types == 1:  # whoever always says that one is never wrong
        side, text = "undecided", "All profiles of types that it knows are of one type: it had none to tell apart."
        details = f"Of these a share of {accuracy} is told rightly."
    yield Conclusion("types", Sentence(standing[side], text, details))
    yield _doubt(told, confidence)
    if told.conformal is not None:
        share = with_interval(told.conformal.coverage, confidence)
        size = with_interval(told.conformal.size, confidence, 1)
        missed = against(told.conformal.coverage, told.conformal.asked) == "below"
        text = f"Its sets of answers hold the true type {'less often than' if missed else 'as often as'} they shall."
        details = (
            f"A share of {share} of them does, where {told.conformal.asked:.2f} is asked for; a set has {size} types."
        )
        side_of: Standing = "bad" if missed else "good" if told.conformal.coverage.bounds else "open"
        yield Conclusion("calibration", Sentence(side_of, text, details))


def _doubt(told: CellTypes, confidence: float) -> Conclusion:
    sure = told.calibration.too_sure
    side = against(sure, 0.0)
    standing: dict[str, Standing] = {"above": "bad", "below": "open", "undecided": "good"}
    text = {
        "above": "It is surer of its answers than it is right.",
        "below": "It is less sure of its answers than it is right.",
        "undecided": "Its probabilities are neither too high nor too low, as far as can be told.",
    }[side]
    details = f"Probability minus accuracy {with_interval(sure, confidence)}."
    return Conclusion("calibration", Sentence(standing[side] if sure.bounds else "open", text, details))


def _missed_labels(types: pd.DataFrame) -> Iterator[Conclusion]:
    missed = types[types["known"].astype(bool) & (types["right"].astype(float) < HALF)]
    if len(missed):
        text = f"Of {len(missed)} types that it knows fewer than half of the profiles are told rightly: "
        yield Conclusion(
            "types", Sentence("bad", text + _named(missed.sort_values("right", kind="stable"), "right") + ".")
        )


def _unknowns(found: Validation) -> Iterator[Conclusion]:
    told, confidence = found.unknowns, found.interval.confidence
    standing: dict[str, Standing] = {"above": "good", "below": "bad", "undecided": "open"}
    if told is not None:
        share = with_interval(told.found, confidence)
        text = f"Of profiles of types that are not among the model's a share of {share} comes out unknown."
        details = f"{told.profiles:,} profiles: {listed(list(told.types[:MOST_NAMED]))}{_more(len(told.types))}."
        yield Conclusion("unknowns", Sentence(standing[against(told.found, HALF)], text, details))
    if found.cell_types is not None:
        kept, right = found.cell_types.answered, found.cell_types.right_if_answered
        text = f"Of profiles of types that it knows a share of {with_interval(kept, confidence)} gets a type."
        details = f"Of these answers {with_interval(right, confidence)} are right." if right.is_defined else ""
        yield Conclusion("unknowns", Sentence(standing[against(kept, HALF)], text, details))


def _named(types: pd.DataFrame, column: str) -> str:
    shown = types.head(MOST_NAMED).to_dict("records")
    named = [f"{row['label']} ({row[column]:.2f}{_taken_for(row, column)})" for row in shown]
    return listed(named) + _more(len(types))


def _taken_for(row: dict[Hashable, Any], column: str) -> str:
    return f", taken for {row['taken_for']}" if column == "right" and row["taken_for"] else ""


def _more(n: int) -> str:
    return f" and {n - MOST_NAMED} more" if n > MOST_NAMED else ""
