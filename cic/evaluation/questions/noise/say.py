"""Section on noise and missing genes: the curves, their means, and what they come to in words."""

from __future__ import annotations

from pathlib import Path

from cic.evaluation.classifiers.names import METHOD_NAMES
from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.noise.draw import noise_curves
from cic.evaluation.questions.noise.found import Disturbance, Found, Gaussian, Missing
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Sentence, Standing, percent, spanned, with_interval

ERROR_NAMES = {
    "model": "model",
    "pca": "PCA of equal width",
    "span": "training span, nothing reduced",
    "profile": "disturbed profile itself",
}


def noise_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show what noise and missing genes do to reconstructions and to the telling of cell types."""
    confidence = evidence.facts.interval.confidence
    gaussian, missing = found.gaussian, found.missing
    top, most = gaussian.levels[-1], missing.levels[-1]
    picture = draw(
        folder, "noise",
        f"Unexplained variance of the clean profile, without noise to {top:g} times the {gaussian.unit}: model "
        f"{_ends(gaussian, 'model')}, PCA {_ends(gaussian, 'pca')}, noisy profile {_ends(gaussian, 'profile')}; with "
        f"none to {percent(most)} of genes missing: model {_ends(missing, 'model')}, PCA {_ends(missing, 'pca')}.",
        noise_curves(evidence.tables["noise_curves"], gaussian.unit, found.chance),
    )  # fmt: skip
    unit = gaussian.unit + (f", from {gaussian.n_sets} sets" if gaussian.n_sets else " in training profiles")
    notes = [
        f"Noise is Gaussian, independent for each gene and added on the scale of the model; level 1 is the {unit}, and "
        f"adds {percent(gaussian.unexplained_by_one)} of variance. The clean profile is as measured, with the noise "
        "that it has. A batch or another platform shifts profiles in other ways, which this does not show.",
        "Missing genes are the same ones for all profiles. Model, PCA and span fill them with their own "
        f"reconstruction, repeatedly (at most {found.missing.most_rounds} rounds); classifiers on genes look at "
        "the measured genes only. The span keeps as many numbers a profile as there are training profiles, and reduces "
        "nothing. The last column of the table has missing genes at their training mean instead, for "
        "all methods. A model in use infers missing genes otherwise, and tells what that costs (`cic encode`).",
        "The table holds means of the curves over their range (unexplained variance: low is good; balanced accuracy: "
        f"high is good), in brackets {percent(confidence)} intervals. Classifiers were fitted on clean training "
        "profiles and not tuned.",
    ]
    if found.chance is None:
        notes.append(f"No accuracy: {evidence.facts.left_out['noise.accuracy']}")
    notes += [text for name, text in evidence.facts.cautions.items() if name.startswith("noise.")]
    n = f"{found.n} held-out profiles"
    if found.n < found.n_held_out:
        n = f"{found.n} of {found.n_held_out} held-out profiles, drawn at random"
    if found.n_labelled is not None:
        n += f", {found.n_labelled} with one of {found.n_labels} labels"
    return Section(
        key="noise",
        title="How much noise, and how many missing genes, does it stand?",
        claim=f"{_noise_claim(gaussian)} {_missing_claim(missing)}",
        picture=picture,
        baseline="PCA of equal width, the training span without reduction, the disturbed profile itself"
        + ("" if found.chance is None else ", LDA and nearest centroid on genes, chance"),
        n=f"{n}; {gaussian.draws} draws of noise and {missing.draws} of genes",
        table=_table(found),
        notes=tuple(notes),
    )


def noise_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say how the model stands added noise."""
    confidence = facts.interval.confidence
    gaussian = found.gaussian
    over = f"Over added noise of 0 to {gaussian.levels[-1]:g} times the {gaussian.unit}"
    return [_sentence("With added noise", over, gaussian, _noise_claim(gaussian), confidence)]


def missing_genes_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say how the model stands missing genes."""
    confidence = facts.interval.confidence
    missing = found.missing
    over = f"Over 0 to {percent(missing.levels[-1])} of genes missing at random, filled by each method itself"
    return [_sentence("With genes missing", over, missing, _missing_claim(missing), confidence)]


def _sentence(begin: str, over: str, one: Disturbance, claim: str, confidence: float) -> Sentence:
    error = {name: _share(one.robustness_unexplained[name].value) for name in ("model", "pca", "profile")}
    standing, concluded = _conclusion(one)
    details = (
        f"{over}, the model leaves {error['model']} of the clean profiles' variance unexplained on average, PCA "
        f"{error['pca']}, the disturbed profiles themselves {error['profile']}; the model's over PCA's is "
        f"{with_interval(one.ratio_to_pca, confidence)}."
    )
    if one.robustness_accuracy is not None:
        score = {name: f"{value.value:.2f}" for name, value in one.robustness_accuracy.items()}
        details += (
            f" Mean balanced accuracy is {score['code_logistic']} from the code, {score['pca_logistic']} from PCA "
            f"codes and {score['profile_lda']} by LDA on genes."
        )
    return Sentence(standing, f"{begin}: {concluded}.", f"{details} {claim}")


def _conclusion(one: Disturbance) -> tuple[Standing, str]:
    """Tell on which side of its baselines the model stands, over the whole range."""
    side = against(one.ratio_to_pca)
    losses, parts = list[str](), list[str]()
    error = {"below": "nearer to the clean profile than PCA", "above": "further from the clean profile than PCA"}
    (losses if side == "above" else parts).append(
        error.get(side, "no nearer to the clean profile than PCA, as far as these profiles can tell")
    )
    nearer = against(one.ratio_to_profile) != "above"
    if not nearer:
        parts.append("further from it than the disturbed profile itself")
    for difference, name in ((one.difference_to_pca, "PCA codes"), (one.difference_to_lda, "LDA on genes")):
        if difference is not None:
            standing = against(difference, 0.0)
            if standing != "undecided":
                told = f"telling cell types {'better' if standing == 'above' else 'worse'} than {name}"
                (losses if standing == "below" else parts).append(told)
    if losses:  # first what speaks against it
        return "bad", "; ".join(", ".join(some) for some in (losses, parts) if some)
    if one.ratio_to_pca.low is None:
        return "open", "too few independent profiles to say more"
    if side == "below":
        return ("good" if nearer else "open"), ", ".join(parts)
    return "bad", ", ".join(parts)


def _noise_claim(gaussian: Gaussian) -> str:
    start, pca = gaussian.denoises_from.model, gaussian.denoises_from.pca
    unit, top = gaussian.unit, gaussian.levels[-1]
    beside = f"PCA: {'at no level' if pca is None else f'from {pca:.1f}'}"
    if start is None:
        return (
            f"Up to {top:g} times the {unit}, the noisy profile stays nearer to the clean one than its reconstruction "
            f"does ({beside} otherwise)."
        )
    return (
        f"From {start:.1f} times the {unit} on, the reconstruction is nearer to the clean profile than the noisy "
        f"profile is ({beside})."
    )


def _missing_claim(missing: Missing) -> str:
    most = percent(missing.levels[-1])
    holds_to = missing.holds_to
    if holds_to is None:
        clean, last = missing.unexplained["model"][0], missing.unexplained["model"][-1]
        return f"With {most} of genes missing, unexplained variance is {percent(last)}; with none, {percent(clean)}."
    code, pca, lda = (
        f"{most} (the most tried)" if share is None else percent(round(share, 2))
        for share in (holds_to["code_logistic"], holds_to["pca_logistic"], holds_to["profile_lda"])
    )
    return (
        f"Cell types are told with 90% of the clean accuracy up to this share of genes missing: {code} from the code, "
        f"{pca} from PCA codes, {lda} by LDA on genes."
    )


def _table(found: Found) -> Table:
    kinds = (found.gaussian, found.missing, found.missing.mean_filled)
    rows = [
        (f"unexplained: {title}", *(_share(one.robustness_unexplained[name].value) for one in kinds))
        for name, title in ERROR_NAMES.items()
    ]
    rows.append(("model over PCA", *(spanned(one.ratio_to_pca) for one in kinds)))
    accuracies = [one.robustness_accuracy for one in kinds if one.robustness_accuracy is not None]
    if accuracies:
        rows += [
            (f"accuracy: {METHOD_NAMES[name]}", *(f"{one[name].value:.2f}" for one in accuracies))
            for name in accuracies[0]
        ]
        rows.append(("code minus PCA codes", *(_difference(one.difference_to_pca) for one in kinds)))
        rows.append(("code minus LDA", *(_difference(one.difference_to_lda) for one in kinds)))
    return Table(("mean over the range", "noise", "missing genes", "missing, at training mean"), tuple(rows))


def _difference(interval: Interval | None) -> str:
    return "" if interval is None else spanned(interval)


def _share(value: float | None) -> str:
    """Give a share as a percentage, without an exponent where it is far above 1."""
    return percent(value) if value is None or value < 10 else f"{100 * value:,.0f}%"


def _ends(kind: Disturbance, name: str) -> str:
    curve = kind.unexplained[name]
    return f"{_share(curve[0])} to {_share(curve[-1])}"


SECTIONS = (noise_section,)
TOPICS = (
    Topic("Noise", "noise", noise_sentences, ("resampling",)),
    Topic("Missing genes", "noise", missing_genes_sentences, ("resampling",)),
)
