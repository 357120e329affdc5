"""What is said of groups that are told apart by their codes, and of what a penalty on that costs."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.groups.draw import groups_figure
from cic.evaluation.questions.groups.found import Found, Penalty, Told
from cic.evaluation.section import Evidence, Section, Table, Topic, remarks
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, percent, rounded, spanned, with_interval


def groups_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show how well groups are told from the code, from PCA's and by chance, and the penalty's cost."""
    penalty, n_labels = found.penalty, found.n_labels
    picture = draw(
        folder, "groups",
        f"Share of profiles whose group is told: from the code {found.model.accuracy.value:.2f}, from PCA's "
        f"{found.pca.accuracy.value:.2f}, by chance {found.model.by_chance.value:.2f}."
        + ("" if penalty is None else f" Squared error with the penalty over PCA's {penalty.ratio_to_pca.value:.2f}, "
           f"without it {penalty.ratio_to_pca_without.value:.2f}."),
        groups_figure(found),
    )  # fmt: skip
    notes = [
        "A linear discriminant tells the group, cross-validated within the held-out profiles, replicate sets whole. "
        "Means of cell types are taken off the code first; chance has the groups of each cell type shuffled.",
        "Groups may differ by what they measured as well as by how: a code that tells no groups apart may lack either.",
    ]
    means = "Group means" if n_labels is None else "Within cell types, group means"
    claim = (
        f"{means} explain {percent(found.model.share)} of the code's variance and {percent(found.pca.share)} of that "
        f"of PCA's code; by chance {percent(found.model.share_by_chance)}."
    )
    if penalty is not None:
        claim += (
            f" Trained again with the penalty it is {percent(penalty.told.share)}, without "
            f"{percent(penalty.told_without.share)}; among the profiles that these were trained on "
            f"{percent(penalty.share_training)} and {percent(penalty.share_training_without)}."
        )
        notes.append(
            f"“Again” is one training with `training.group_penalty: {penalty.weight:g}` and one without, from the same "
            "seed, as long as the model's, with hidden layers of at most `evaluate.hidden_width`. The intervals are "
            f"over {penalty.by}s, not over seeds."
        )
    cells = "" if n_labels is None else f" of {n_labels} cell type{'s' * (n_labels != 1)} that several groups have"
    return Section(
        key="groups",
        title="Does the code tell the study apart?",
        claim=claim,
        picture=picture,
        baseline="PCA's code of equal width, groups shuffled within cell types"
        + ("" if penalty is None else ", the same training without the penalty"),
        n=f"{found.n} {'held-out' if found.held_out else 'left-out'} profiles{cells}, of {found.n_groups} groups "
        f"({found.units} {found.by}s resampled)",
        table=_table(found),
        notes=(*notes, *remarks(evidence, "groups")),
    )


def groups_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether groups are told from the code, and from PCA's less or more."""
    details = _told(found, facts.interval.confidence)
    over, beside = found.model.over_chance, against(found.difference_to_pca, 0.0)
    if over.low is None:
        return [Sentence("open", "Too few profiles are independent to say whether codes tell groups apart.", details)]
    if against(over, 0.0) != "above":
        claim = "Groups are told from the code no better than by chance, as far as these profiles can tell."
        return [Sentence("good" if beside == "below" else "open", claim, details)]
    claim = "Groups are told from the code better than by chance"
    if beside == "below":
        return [Sentence("good", f"{claim}, but less well than from PCA's.", details)]
    end = "and better than from PCA's" if beside == "above" else "and no less than from PCA's"
    return [Sentence("bad", f"{claim}, {end}.", details)]


def penalty_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say what `training.group_penalty` costs in error, then what it hides; nothing where there was none."""
    penalty = found.penalty
    if penalty is None:
        return []
    details = _cost(penalty, facts.interval.confidence)
    if penalty.error_ratio.low is None or penalty.difference.low is None:
        return [Sentence("open", "Too few profiles are independent to say what the penalty costs.", details)]
    cost, hidden = against(penalty.error_ratio), against(penalty.difference, 0.0) == "below"
    costs = {
        "above": "costs error",
        "undecided": "costs no error that these profiles can tell",
        "below": "costs no error",
    }[cost]
    hides = "hides groups" if hidden else "hides them no better than without, as far as these profiles can tell"
    claim = f"The penalty on groups {costs}, {'and' if hidden or cost == 'above' else 'but'} {hides}."
    return [Sentence("good" if hidden and cost != "above" else "bad", claim, details)]


def _told(found: Found, confidence: float) -> str:
    return (
        f"Of {found.n} profiles of {found.n_groups} groups (studies, donors, batches) that training never had, the "
        f"group is told from the code for a share of {with_interval(found.model.accuracy, confidence)}, from PCA's "
        f"code for {rounded(found.pca.accuracy.value)}, by chance for {rounded(found.model.by_chance.value)}; code "
        f"minus PCA's {with_interval(found.difference_to_pca, confidence)}."
    )


def _cost(penalty: Penalty, confidence: float) -> str:
    told, without = penalty.told.accuracy, penalty.told_without.accuracy
    return (
        f"Trained again with the penalty, the squared error is {with_interval(penalty.error_ratio, confidence)} times "
        f"that without ({rounded(penalty.ratio_to_pca.value)} and {rounded(penalty.ratio_to_pca_without.value)} of "
        f"PCA's), and the share of profiles whose group is told goes from {rounded(without.value)} to "
        f"{rounded(told.value)}, a difference of {with_interval(penalty.difference, confidence)}."
    )


def _table(found: Found) -> Table:
    rows = [("code", found.model), ("PCA's code", found.pca)]
    if found.penalty is not None:
        rows += [("again, with the penalty", found.penalty.told)]
        rows += [("again, without", found.penalty.told_without)]
    return Table(
        ("groups told from", "told", "by chance", "more than by chance", "share of variance", "by chance"),
        tuple((name, *_cells(one)) for name, one in rows),
    )


def _cells(one: Told) -> tuple[str, ...]:
    accuracies = (spanned(one.accuracy), rounded(one.by_chance.value), spanned(one.over_chance))
    return *accuracies, percent(one.share), percent(one.share_by_chance)


SECTIONS = (groups_section,)
TOPICS = (
    Topic("Groups told apart", "groups", groups_sentences, ("groups.resampling",)),
    Topic("Penalty on groups", "groups", penalty_sentences, ("groups.resampling",)),
)
