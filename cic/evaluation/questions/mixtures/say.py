"""The section on mixtures: whether their codes lie between those of the pure components, in the true proportions."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.mixtures.draw import estimated_shares
from cic.evaluation.questions.mixtures.found import Found
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, rounded, with_interval

METHOD_NAMES = {
    "model": "model",
    "pca": "PCA of equal width",
    "profile": "whole profile, log2",
    "linear": "whole profile, linear",
    "equal_shares": "equal shares for everyone",
}


def mixtures_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show estimated against true shares, for the model and PCA."""
    confidence = evidence.facts.interval.confidence
    rmse = found.rmse
    which = "held-out mixtures" if found.held_out else "mixtures of all parts"
    picture = draw(
        folder, "mixtures",
        f"Estimated against true shares of {found.n_components} components. Root mean squared error: model "
        f"{rmse.model.value:.3f}, PCA {rmse.pca.value:.3f}.",
        estimated_shares(evidence.tables["mixtures"]),
    )  # fmt: skip
    notes = [
        "Small marks are single profiles, large ones the mean of those with the same true share.",
        "Pure codes are means over pure training profiles. Shares are those of the mixture of pure codes that lies "
        "nearest (least squares; none below 0, sum 1), one profile at a time. The column `of means` has their error "
        "when told from the mean code of all mixtures of a composition, which leaves less noise.",
        "RNA mixes on the linear scale, while model and PCA work on logarithms, on which a mixture does not lie on the "
        "straight line between its components: an exact answer is not to be expected of either, nor of the whole "
        "profile on that scale.",
        "Off the plane: mean distance of a mixture from the plane through the pure codes, over the mean distance "
        "between these; in brackets the same for pure profiles that were not trained on, which is noise alone.",
    ]
    left_out, cautions = evidence.facts.left_out, evidence.facts.cautions
    notes += [f"Left out: {left_out[name]}" for name in ("mixtures.linear", "mixtures.shares") if name in left_out]
    notes += [cautions[name] for name in ("mixtures.parts", "mixtures.width") if name in cautions]
    return Section(
        key="mixtures",
        title="Do codes of mixtures lie between the pure ones?",
        claim=f"Shares told from the code alone are off by {with_interval(rmse.model, confidence)}; the error is "
        f"{with_interval(found.ratio_to_pca, confidence)} times that of PCA codes and "
        f"{with_interval(found.ratio_to_equal_shares, confidence)} times that of equal shares for everyone.",
        picture=picture,
        baseline="PCA codes of equal width; the whole profile; equal shares for everyone",
        n=f"{found.n} {which} ({found.n_compositions} compositions, {found.units} {found.by}s "
        f"resampled); at least {found.n_pure_training} pure training profiles a component",
        table=Table(("method", "RMSE", "of means", "Pearson r", "off the plane"), _rows(found)),
        notes=tuple(notes),
    )


def mixtures_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether shares can be told from the code, beside equal shares and PCA."""
    confidence = facts.interval.confidence
    which = "held-out mixture" if found.held_out else "mixture (partly trained on)"
    text = (
        f"From the code of a {which} its shares are told with a root mean squared error of "
        f"{with_interval(found.rmse.model, confidence, 3)}; from PCA codes it is "
        f"{found.rmse.pca.value:.3f}, and equal shares for everyone miss by "
        f"{found.rmse.equal_shares.value:.3f}."
    )
    if against(found.ratio_to_equal_shares) == "undecided":
        return [Sentence("open", "These mixtures do not tell the code from equal shares for everyone.", text)]
    if against(found.ratio_to_equal_shares) == "above":
        return [Sentence("bad", "Codes of mixtures do not lie between the pure ones.", text)]
    side, claim = against(found.ratio_to_pca), "Codes of mixtures lie between the pure ones"
    if side == "above":
        return [Sentence("bad", f"{claim}, but less exactly than with PCA.", text)]
    if side == "below":
        return [Sentence("good" if found.held_out else "open", f"{claim}, more exactly than with PCA.", text)]
    return [Sentence("open", f"{claim}, no more exactly than with PCA.", text)]


def _rows(found: Found) -> tuple[tuple[str, ...], ...]:
    rows = []
    of_means, pearson, planes, pure_planes = (
        dict(one) for one in (found.rmse_of_means, found.pearson, found.off_plane, found.off_plane_pure)
    )
    for method, rmse in found.rmse:
        if rmse is None:
            continue
        if method == "equal_shares":
            rows.append((METHOD_NAMES[method], f"{rmse.value:.3f}", "", "", ""))
            continue
        plane, pure = planes[method], pure_planes[method]
        rows.append(
            (
                METHOD_NAMES[method],
                f"{rmse.value:.3f}",
                f"{of_means[method]:.3f}",
                rounded(pearson[method].value),
                "no room" if plane is None else rounded(plane.value) + ("" if pure is None else f" ({rounded(pure)})"),
            )
        )
    return tuple(rows)


SECTIONS = (mixtures_section,)
TOPICS = (Topic("Mixtures", "mixtures", mixtures_sentences, ("mixtures.resampling",)),)
