"""The checks before training: what is planted is found, nothing else is, and what makes a run worthless stops it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cic.checking.check import check, refuse
from cic.checking.finding import Finding
from cic.checking.page import render
from cic.config import Params
from cic.data.matrix import ExpressionMatrix, read_matrix, write_matrix
from cic.data.readers import read_table
from cic.data.synthetic import Recipe, simulate
from cic.errors import DataError
from cic.pipeline import run_stage, workspace
from cic.settings import Settings
from flows.runs import checks_told

PARAMS = Params(seed=1)
SEXED = ("XIST", "RPS4Y1", "DDX3Y", "UTY")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> ExpressionMatrix:
    """160 simulated profiles of 40 studies, 20 of them measured twice; the last genes are those of the sexes."""
    path = tmp_path_factory.mktemp("checking") / "simulated.parquet"
    simulate(Recipe(samples=160, genes=400, cell_types=6, studies=40, programs=20, replicate_pairs=20), path)
    matrix = read_matrix(path)
    roles = {"cell_type": "label", "study": "group", "replicate_of": "replicate"}
    samples = matrix.samples[list(roles)].rename(columns=roles)
    values_SG = matrix.values.copy()
    female_S = is_female(samples)
    values_SG[:, -4] = np.where(female_S, 6, 0)
    values_SG[:, -3:] = np.where(female_S, 0, 5)[:, None]
    return replace(matrix, values=values_SG, samples=samples, genes=(*matrix.genes[:-4], *SEXED))


def is_female(samples: pd.DataFrame) -> np.ndarray:
    """By study, so that replicates agree."""
    return pd.factorize(samples["group"])[0] % 2 == 0


def sexes(matrix: ExpressionMatrix) -> pd.DataFrame:
    told = np.where(is_female(matrix.samples), "female", "Male")
    return pd.DataFrame({"donor sex": told}, index=matrix.samples.index)


def found(matrix: ExpressionMatrix, params: Params = PARAMS, others: pd.DataFrame | None = None) -> tuple[Finding, ...]:
    checked = check(matrix, params, others)
    json.dumps(checked.to_json(), allow_nan=False)
    return checked.findings


def with_values(matrix: ExpressionMatrix, change: Callable[[np.ndarray], object]) -> ExpressionMatrix:
    values_SG = matrix.values.copy()
    change(values_SG)
    return replace(matrix, values=values_SG)


def with_column(matrix: ExpressionMatrix, role: str, change: Callable[[pd.Series], object]) -> ExpressionMatrix:
    column = matrix.samples[role].copy()
    change(column)
    return replace(matrix, samples=matrix.samples.assign(**{role: column}))


def named_like_genes(matrix: ExpressionMatrix) -> ExpressionMatrix:
    ids = pd.Index([f"ENSG{number:011}" for number in range(matrix.n_samples)], name="sample_id")
    return replace(matrix, samples=matrix.samples.set_axis(ids))


def of_few_genes(matrix: ExpressionMatrix) -> ExpressionMatrix:
    return replace(matrix, values=matrix.values[:, -100:], genes=matrix.genes[-100:])


def as_counts(matrix: ExpressionMatrix, genes: tuple[str, ...] | None = None) -> ExpressionMatrix:
    counts_SG = np.rint(np.exp2(matrix.values)).astype(np.float32)
    return replace(matrix, values=counts_SG, unit="counts", genes=genes or matrix.genes)


def test_nothing_is_found_where_there_is_nothing(clean: ExpressionMatrix) -> None:
    for matrix in (clean, as_counts(clean)):
        assert [one for one in found(matrix, others=sexes(clean)) if one.level != "note"] == []
        checked = check(matrix, PARAMS, sexes(clean))
        assert not checked.stops and "nothing speaks against it" in checked.verdict
        refuse(checked, "here", "page")


def test_what_is_found_does_not_depend_on_when(clean: ExpressionMatrix) -> None:
    assert found(clean) == found(clean)


def test_samples_may_be_named_by_the_gene_that_was_perturbed(clean: ExpressionMatrix) -> None:
    assert not any("named like genes" in one.message for one in found(named_like_genes(clean)))


MUSTS: dict[str, tuple[Callable[[ExpressionMatrix], ExpressionMatrix], str]] = {
    "few": (lambda m: m.select(np.arange(9)), "there are 9 profiles, and a run needs 10"),
    "empty": (lambda m: with_values(m, lambda x: x[7].fill(0)), "1 profile with one value for all genes"),
    "constant": (lambda m: replace(m, values=np.repeat(m.values[:1], m.n_samples, axis=0)), "no gene varies"),
    "no group": (
        lambda m: with_column(m, "group", lambda c: c.__setitem__(c.index[3], None)),
        "1 sample without a group",
    ),
    "turned round": (lambda m: named_like_genes(of_few_genes(m)), "the samples are named like genes: ENSG"),
    "one group": (lambda m: replace(m, samples=m.samples.assign(group="here")), "1 set of samples that must stay"),
}


@pytest.mark.parametrize("planted", MUSTS)
def test_what_makes_a_run_worthless_stops_it(clean: ExpressionMatrix, planted: str) -> None:
    change, message = MUSTS[planted]
    checked = check(change(clean), PARAMS)
    assert any(message in one.message for one in checked.stops)
    assert checked.findings[0].level == "must" and message in checked.verdict
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        refuse(checked, "here", "checks.html")
    assert "checks.html" in str(caught.value)
    if planted in ("empty", "constant"):  # whatever there is left to draw
        render(checked, "planted")


def test_parameters_that_do_not_fit_the_data_stop_it_too(clean: ExpressionMatrix) -> None:
    roots = Params.model_validate({"seed": 1, "preprocess": {"transform": "sqrt"}})
    assert "no square roots" in check(clean, roots).verdict
    assert not check(as_counts(clean), roots).stops
    three = replace(clean, samples=clean.samples[["label"]].assign(group=np.arange(clean.n_samples) % 3))
    assert not check(three, PARAMS).stops
    sealed = Params.model_validate({"seed": 1, "split": {"sealed": 0.1}})
    assert "for 4 parts" in check(three, sealed).verdict


def test_all_reasons_are_named_at_once(clean: ExpressionMatrix) -> None:
    both = replace(clean, samples=clean.samples.assign(group=None)).select(np.arange(8))
    with pytest.raises(DataError, match=r"for 2 reasons(?s:.)*8 profiles(?s:.)*8 samples without a group"):
        refuse(check(both, PARAMS), "here", "page")


def copied(matrix: ExpressionMatrix, source: int, target: int, change: float = 0.0) -> ExpressionMatrix:
    """Let a profile be another one, but for its sex and a little."""

    def copy(values_SG: np.ndarray) -> None:
        noise_G = np.random.default_rng(0).normal(size=matrix.n_genes - 4).astype(np.float32)
        values_SG[target, :-4] = values_SG[source, :-4] + change * noise_G
        values_SG[target, -4:] = values_SG[source, -4:]

    return with_values(matrix, copy)


def alone(matrix: ExpressionMatrix) -> np.ndarray:
    """Give the positions of profiles that were measured once."""
    return np.flatnonzero(~matrix.samples["replicate"].duplicated(keep=False))


def in_two_groups(matrix: ExpressionMatrix) -> tuple[int, int]:
    group_S, rows = matrix.samples["group"].to_numpy(), alone(matrix)
    return int(rows[0]), int(next(row for row in rows if group_S[row] != group_S[rows[0]]))


def test_copies_and_near_copies(clean: ExpressionMatrix) -> None:
    first, second = in_two_groups(clean)
    ids = {str(clean.samples.index[row]) for row in (first, second)}
    for change, words in ((0.0, "equal to the last bit"), (0.03, "all but the same")):
        planted = copied(clean, first, second, change)
        (finding,) = (one for one in found(planted) if one.topic == "copies")
        assert finding.level == "warn" and words in finding.message and "nothing keeps" in finding.message
        assert set(finding.samples) == ids
    together = with_column(planted, "group", lambda c: c.__setitem__(c.index[second], c.iloc[first]))
    (finding,) = (one for one in found(together) if one.topic == "copies")
    assert finding.level == "note", "a group keeps them on one side of the split"


def test_outliers_are_named(clean: ExpressionMatrix) -> None:
    odd = int(alone(clean)[5])
    name = str(clean.samples.index[odd])
    shuffled = with_values(clean, lambda x: x.__setitem__(odd, np.random.default_rng(1).permutation(x[odd])))
    (finding,) = (one for one in found(shuffled) if one.topic == "map")
    assert finding.samples == (name,)
    counts = as_counts(clean)
    small = with_values(counts, lambda x: x.__setitem__(odd, np.floor(x[odd] / 8)))
    assert [one.samples for one in found(small) if "unusually small library size" in one.message] == [(name,)]
    large = with_values(counts, lambda x: x.__setitem__(odd, x[odd] * 8))
    assert [one.samples for one in found(large) if "unusually large library size" in one.message] == [(name,)]
    dropped = with_values(counts, lambda x: x[odd, : counts.n_genes // 3].fill(0))
    assert [one.samples for one in found(dropped) if "share of zeros" in one.message] == [(name,)]
    damaged = as_counts(clean, (*(f"MT-{number}" for number in range(20)), *clean.genes[20:]))
    damaged = with_values(damaged, lambda x: x[odd, :20].__imul__(40))
    assert [one.samples for one in found(damaged) if "mitochondrial" in one.message] == [(name,)]


def test_replicates_that_disagree(clean: ExpressionMatrix) -> None:
    replicate = clean.samples["replicate"]
    first, second = (str(name) for name in replicate[replicate.duplicated()].unique()[:2])
    one, other = (replicate.index[replicate == name][0] for name in (first, second))
    swapped = with_column(clean, "replicate", lambda c: c.update(pd.Series({one: second, other: first})))
    (finding,) = (found_ for found_ in found(swapped) if found_.topic == "replicates" and found_.level == "warn")
    assert {str(one), str(other)} <= set(finding.samples)
    assert set(finding.samples) <= set(replicate.index[replicate.isin([first, second])])
    draw = np.random.default_rng(3)
    shuffled = replace(clean, samples=clean.samples.assign(replicate=draw.permutation(replicate)))
    (finding,) = (one for one in found(shuffled) if one.topic == "replicates")
    assert finding.level == "warn" and "does not say what is a replicate of what" in finding.message


def test_sexes_that_contradict_the_table(clean: ExpressionMatrix) -> None:
    known, odd = sexes(clean), str(clean.samples.index[11])
    known.loc[odd, "donor sex"] = {"female": "m", "Male": "F"}[known.loc[odd, "donor sex"]]
    (finding,) = (one for one in found(clean, others=known) if one.topic == "sexes" and one.level == "warn")
    assert finding.samples == (odd,) and "`donor sex`" in finding.message
    tissue = with_column(clean, "label", lambda c: c.mask(is_female(clean.samples), "prostate gland", inplace=True))
    (finding,) = (one for one in found(tissue) if one.topic == "sexes" and one.level == "warn")
    assert len(finding.samples) == is_female(clean.samples).sum() and "by the label" in finding.message
    unclear = with_values(clean, lambda x: x[:, -4:].fill(0))
    assert not any(one.level == "warn" and one.topic == "sexes" for one in found(unclear, others=known))


def test_one_sample_or_donor_with_both_sexes(clean: ExpressionMatrix) -> None:
    replicate = clean.samples["replicate"]
    pair = replicate.index[replicate == replicate[replicate.duplicated()].iloc[0]]
    row = int(clean.samples.index.get_indexer([pair[0]])[0])
    changed = [0, 5, 5, 5] if clean.values[row, -4] else [6, 0, 0, 0]
    other = with_values(clean, lambda x: x.__setitem__((row, slice(-4, None)), changed))
    levels = {one.level: one for one in found(other) if "both sexes" in one.message}
    assert {str(name) for name in pair} == set(levels["warn"].samples)
    assert clean.samples["group"].loc[pair[0]] in levels["note"].message


def test_sexes_are_told_by_ensembl_ids_of_counts_and_without_xist_of_males_only(clean: ExpressionMatrix) -> None:
    ids = ("ENSG00000229807.13", "ENSG00000129824", "ENSG00000067048.1", "ENSG00000183878")
    sexed = check(as_counts(clean, (*clean.genes[:-4], *ids)), PARAMS).sexes
    assert sexed is not None
    np.testing.assert_array_equal(sexed.told_S == "F", is_female(clean.samples))
    np.testing.assert_array_equal(sexed.told_S == "M", ~is_female(clean.samples))
    lone = check(replace(clean, genes=(*clean.genes[:-4], "OTHER", *SEXED[1:])), PARAMS).sexes
    assert lone is not None
    assert set(lone.told_S[is_female(clean.samples)]) == {""} and set(lone.told_S[~is_female(clean.samples)]) == {"M"}
    background = replace(
        clean, values=clean.values + 100, genes=(*clean.genes[:-4], "OTHER", *SEXED[1:]), unit="intensity"
    )
    assert check(background, PARAMS).sexes is None, "arrays have a background"


def test_sexes_of_real_tissues(real_data: Path) -> None:
    labels = pd.read_csv(real_data / "gtex26/samples.csv", index_col=0)["label"]
    matrix = read_table(real_data / "gtex26/expression.tsv.gz", samples_in="columns", unit="log2")
    label_S = labels[matrix.samples.index].to_numpy()
    checked = check(replace(matrix, samples=matrix.samples[[]].assign(label=label_S)), PARAMS)
    assert checked.sexes is not None and not checked.sexes.contradicts_S.any()
    assert set(checked.sexes.told_S[label_S == "Testis"]) == {"M"}
    assert set(checked.sexes.told_S[np.isin(label_S, ["Uterus", "Vagina"])]) == {""}, "XIST is not among the genes"


LABELS = {
    "same": (lambda s: s.assign(label="a"), "the labels are all the same"),
    "ids": (lambda s: s.assign(label=s.index), "every sample has a label of its own"),
    "few groups": (
        lambda s: s.assign(group=np.arange(len(s)) % 8, replicate=None),
        "8 groups leave the test part with about 1",
    ),
    "case": (lambda s: s.rename({s.index[1]: str(s.index[0]).upper() + " "}), "differ in case or spaces only"),
}


@pytest.mark.parametrize("planted", LABELS)
def test_what_the_table_tells_against_a_run(clean: ExpressionMatrix, planted: str) -> None:
    change, message = LABELS[planted]
    samples = change(clean.samples).rename_axis("sample_id")
    assert any(one.level == "warn" and message in one.message for one in found(replace(clean, samples=samples)))


def test_missing_values_are_counted_and_stand_in_nobodys_way(clean: ExpressionMatrix) -> None:
    values_SG = clean.values.copy()
    values_SG[3, 5:8] = values_SG[9, 5] = np.nan
    holed = replace(clean, values=values_SG)
    findings = [one for one in found(holed) if one.level != "note"]
    assert [one.message for one in findings] == ["missing: 4 values of 3 genes in 2 samples"]
    whole = check(clean, PARAMS).facts["values"]
    assert check(holed, PARAMS).facts["values"] == pytest.approx(whole, rel=0.01)


class Page(HTMLParser):
    """Ids, links within the page, and what a browser would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []


def test_the_page_says_the_verdict_first_and_needs_nothing_else(clean: ExpressionMatrix) -> None:
    nasty = replace(clean, samples=clean.samples.rename({clean.samples.index[0]: "<script>x"}).rename_axis("sample_id"))
    first, second = in_two_groups(nasty)
    checked = check(copied(nasty, 0 if first == 0 else first, second), PARAMS, sexes(nasty))
    text = render(checked, "my <data>")
    page = Page(text)
    assert text.index(checked.verdict) < text.index(checked.findings[0].message.split(":")[0]) < text.index("<svg")
    assert len(page.ids) == len(set(page.ids))
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    assert not {"script", "link", "img", "iframe"} & set(page.tags) and page.tags.count("svg") >= 5
    assert render(checked, "my <data>") == text


@pytest.fixture
def project(clean: ExpressionMatrix, tmp_path: Path) -> Callable[..., tuple[Params, dict[str, Path], Settings]]:
    def made(matrix: ExpressionMatrix = clean, group: str = "group") -> tuple[Params, dict[str, Path], Settings]:
        write_matrix(tmp_path / "mine.parquet", matrix)
        data = {"file": str(tmp_path / "mine.parquet"), "label": "label", "group": group, "replicate": "replicate"}
        settings = Settings(project=tmp_path, home=tmp_path / "home", device="cpu")
        return Params.model_validate({"seed": 1, "data": data}), workspace(tmp_path / "build"), settings

    return made


def test_the_stage_leaves_what_was_found_and_its_page(project, clean: ExpressionMatrix) -> None:
    params, folders, settings = project()
    run_stage("ingest", params, folders, settings)
    left = json.loads((folders["ingest"] / "checks.json").read_text())
    assert left["n_samples"] == clean.n_samples and [one["topic"] for one in left["findings"]]
    assert "<svg" in (folders["ingest"] / "checks.html").read_text()
    told = checks_told(folders["ingest"], "mine")
    assert told.startswith("# mine: 160 profiles, 400 genes, 6 labels, 40 groups")
    assert all(one["message"] in told for one in left["findings"]) and "checks.html" in told


def test_the_stage_stops_before_anything_is_left_but_the_page(project, clean: ExpressionMatrix) -> None:
    params, folders, settings = project(replace(clean, samples=clean.samples.assign(group="here")))
    with pytest.raises(DataError, match="1 set of samples") as caught:
        run_stage("ingest", params, folders, settings)
    assert caught.value.exit_code == 3 and str(settings.checks_page) in str(caught.value)
    assert "cannot be trained on" in settings.checks_page.read_text()
    assert not folders["ingest"].exists()
