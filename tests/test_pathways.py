"""Pathways of a code: known answers on planted programs, the null, stability, and what is said where nothing can be."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from evaluated import changed, params, some_evidence, some_facts, subject

from cic.data.matrix import ExpressionMatrix
from cic.evaluation.gene_sets import loadings
from cic.evaluation.gene_sets.enrichment import (
    RankingSpec,
    discovered,
    enrich_ranking,
    rank_sums,
    relabelled,
    running_sums,
)
from cic.evaluation.gene_sets.expected import activities
from cic.evaluation.gene_sets.links import find_sets
from cic.evaluation.questions.features.measure import measure as measure_features
from cic.evaluation.questions.features.say import (
    METHODS,
    feature_sentences,
    features_section,
    planted_section,
    planted_sentences,
)
from cic.evaluation.questions.pathways import cell_type_pathways
from cic.evaluation.questions.pathways.measure import measure as measure_pathways
from cic.evaluation.questions.pathways.say import (
    cell_type_pathways_section,
    expected_sentences,
    pathways_section,
    pathways_sentences,
)
from cic.evaluation.questions.pathways.stability import align, recurs
from cic.evaluation.questions.programs.measure import measure as measure_programs
from cic.evaluation.questions.programs.say import program_sentences, programs_section
from cic.evaluation.retrainings.jacobian import mean_jacobian
from cic.evaluation.retrainings.retraining import retrain
from cic.model.autoencoder import Autoencoder, differentiable
from cic.model.feature_fit import fit_features
from cic.model.named_sets import GOES_WITH
from cic.workers.processes import LocalProcesses
from cic.workers.workers import InThisProcess

PROGRAMS, GENES, A_PROGRAM = 6, 240, 20


def planted(n_samples=160, seed=0):
    """Profiles of which three states drive two programs each, with four cell types that differ in the states."""
    draw = np.random.default_rng(seed)
    label_S = draw.integers(4, size=n_samples)
    state = draw.normal(size=(n_samples, 3)) + 1.5 * draw.normal(size=(4, 3))[label_S]
    activity = np.tanh(state[:, np.arange(PROGRAMS) % 3] + 0.3 * draw.normal(size=(n_samples, PROGRAMS)))
    effect = np.zeros((PROGRAMS, GENES))
    for program in range(PROGRAMS):
        effect[program, program * A_PROGRAM : (program + 1) * A_PROGRAM] = draw.uniform(0.5, 1.5, A_PROGRAM)
    values = 8 + activity @ effect + 0.3 * draw.normal(size=(n_samples, GENES))
    ids = pd.Index([f"s{number}" for number in range(n_samples)], name="sample_id")
    names = ["liver", "brain", "third", "fourth"]
    samples = pd.DataFrame(
        {
            "label": [names[label] for label in label_S],
            "group": [f"study {number % 20}" for number in range(n_samples)],
        },
        index=ids,
    )
    genes = tuple(f"g{number}" for number in range(GENES))
    truth = pd.DataFrame(activity, index=ids, columns=[f"PROGRAM_{program}" for program in range(PROGRAMS)])
    return ExpressionMatrix(values.astype(np.float32), genes, samples, "log2"), truth


def gmt(folder, names=None, prefix="g"):
    names = [f"PROGRAM_{program}" for program in range(PROGRAMS)] if names is None else names
    lines = [
        "\t".join([name, "x", *(f"{prefix}{at}" for at in range(index * A_PROGRAM, (index + 1) * A_PROGRAM))])
        for index, name in enumerate(names)
    ]
    folder.mkdir(exist_ok=True)
    (folder / "planted.gmt").write_text("\n".join(lines) + "\n")
    (folder / "README.md").write_text("no gene sets")
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    matrix, truth = planted()
    own = subject(matrix, {"epochs": 10, "seeds": 2, "rank": 0, "permutations": 400, "hidden_width": 32})
    folder = gmt(tmp_path_factory.mktemp("sets"))
    (folder / "data").mkdir()
    (folder / "planted.gmt").rename(folder / "data" / "programs.gmt")
    given = params(
        data={"file": str(folder / "data")},
        evaluate=own.params.evaluate.model_copy(update={"gene_sets": str(folder)}).model_dump(),
        training={"epochs": 20},
    )
    own = replace(own, params=given, truth=truth)
    return own, measure_pathways(own)


@pytest.fixture(scope="module")
def programs(measured):
    return measure_programs(measured[0])


@pytest.fixture(scope="module")
def featured(measured):
    """The same model with features of its code."""
    own = measured[0]
    bundle, z_SK = own.bundle, own.profiles.z_SK
    held = (z_SK[own.part_S == name] for name in ("train", "validation"))
    features = fit_features([bundle.network], bundle.basis, *held, 6)
    own = replace(own, bundle=replace(bundle, features=features))
    return own, measure_features(own)


def with_sets(own, place):
    config = own.params.evaluate.model_copy(update={"gene_sets": str(place)})
    return replace(own, truth=None, params=own.params.model_copy(update={"evaluate": config}))


# loadings


def test_loadings_are_what_the_decoder_does(measured):
    own, _ = measured
    code = own.profiles.code_SW[own.part_S == "train"]
    network = differentiable(own.bundle.network)
    mean = mean_jacobian(network, code)
    found = loadings.decoder_loadings(own.bundle, code, mean)
    step = 0.02 * code.std(axis=0)
    for number in range(code.shape[1]):
        up, down = code.copy(), code.copy()
        up[:, number] += step[number]
        down[:, number] -= step[number]
        by_hand = (own.bundle.decode(up).astype(float) - own.bundle.decode(down)).mean(axis=0) / 0.04
        np.testing.assert_allclose(found[:, number], by_hand, atol=2e-3)
    constancy = loadings.constancy(network, code, mean)
    assert ((constancy > 0) & (constancy <= 1 + 1e-9)).all()


def test_loadings_of_a_retrained_code_come_back_to_genes(measured):
    own, _ = measured
    train = own.part_S == "train"
    x = own.x_SG
    spec = own.retraining(
        "linear", train, own.part_S == "validation", hyper=own.hyper.model_copy(update={"depth": 0}), with_jacobian=True
    )
    again = retrain(spec)
    effect_GW = loadings.retrained_effects(x, own.coordinates.y_SY, again.mean_jacobian_YW)
    found = effect_GW * again.code_SW[train].std(axis=0)
    # a model of depth 0 is PCA, on whose codes genes regress as its decoder says
    np.testing.assert_allclose(found, loadings.regression_loadings(x[train], again.code_SW[train]), atol=2e-3)


def test_regression_finds_planted_coefficients():
    draw = np.random.default_rng(0)
    code, effect = draw.normal(size=(300, 3)) * [1, 2, 5], draw.normal(size=(3, 50))
    found = loadings.regression_loadings((code @ effect).astype(np.float32), code)
    np.testing.assert_allclose(found, (effect * code.std(axis=0)[:, None]).T, atol=0.1)


def test_a_linear_decoder_is_constant(measured):
    own, _ = measured
    linear = Autoencoder(own.bundle.architecture.model_copy(update={"depth": 0}))
    with torch.no_grad():
        linear.decoder_linear.weight.normal_(generator=torch.Generator().manual_seed(1))
    code = own.profiles.code_SW[:20]
    mean = mean_jacobian(linear, code)
    np.testing.assert_allclose(mean, linear.decoder_linear.weight.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(loadings.constancy(linear, code, mean), 1, atol=1e-6)


# enrichment


@pytest.fixture(scope="module")
def ranking():
    draw = np.random.default_rng(2)
    loading = draw.normal(size=(2000, 3))
    members = tuple(np.sort(draw.choice(2000, size, replace=False)) for size in draw.integers(15, 120, 60))
    loading[members[0], 0] += 1
    loading[members[1], 1] -= 1
    return loading, members


def test_both_statistics_find_the_planted_sets_with_their_signs(ranking):
    loading, members = ranking
    for found in (running_sums(loading, members, 500, 1e-4, 1, InThisProcess()), rank_sums(loading, members)):
        called = discovered(found.p, 0.05)[1]
        assert called[0, 0]
        assert called[1, 1]
        assert found.score[0, 0] > 0 > found.score[1, 1]
        # genes are shared between sets, so a few others follow
        assert called.sum() <= 12


def test_p_values_are_uniform_where_there_is_nothing(ranking):
    _, members = ranking
    loading = np.random.default_rng(9).normal(size=(2000, 6))
    for found in (running_sums(loading, members, 500, 1e-4, 1, InThisProcess()), rank_sums(loading, members)):
        assert 0.02 < (found.p < 0.05).mean() < 0.09
        assert 0.4 < found.p.mean() < 0.6


def test_the_score_is_that_of_gseapy_by_its_front_door(ranking):
    import gseapy

    loading, members = ranking
    order = np.argsort(-loading[:, 0], kind="stable")
    ranked = pd.Series(loading[order, 0] - np.median(loading[:, 0]), index=[f"g{at}" for at in order])
    sets = {str(at): [f"g{gene}" for gene in genes] for at, genes in enumerate(members)}
    front = gseapy.prerank(ranked, sets, min_size=1, max_size=2000, permutation_num=1000, outdir=None, seed=4)
    nes = front.res2d.set_index("Term")["NES"].astype(float).loc[[str(at) for at in range(len(members))]]
    score, _ = enrich_ranking(RankingSpec(loading[:, 0], members, 1000, 1e-4, 4))
    assert np.corrcoef(score, nes)[0, 1] > 0.995
    assert score[0] == pytest.approx(nes.iloc[0], rel=0.1)


def test_threads_and_workers_change_nothing(ranking):
    loading, members = ranking
    here = running_sums(loading, members, 300, 1e-4, 7, InThisProcess())
    workers = LocalProcesses(2, [retrain])
    try:
        there = running_sums(loading, members, 300, 1e-4, 7, workers)
    finally:
        workers.stop()
    np.testing.assert_array_equal(here.score, there.score)
    np.testing.assert_array_equal(here.p, there.p)
    assert not np.array_equal(here.p, running_sums(loading, members, 300, 1e-4, 8, InThisProcess()).p)


def test_loadings_of_one_sign_are_ranked_around_the_typical_gene(ranking):
    loading, members = ranking
    spec = RankingSpec(loading[:, 0], members, 500, 1e-4, 4)
    raised = enrich_ranking(replace(spec, loading_G=loading[:, 0] + 100))
    np.testing.assert_allclose(raised[0], enrich_ranking(spec)[0], rtol=1e-6)


def test_a_number_that_does_nothing_has_no_links(ranking):
    members = ranking[1]
    score, p = enrich_ranking(RankingSpec(np.zeros(2000), members, 200, 1e-3, 4))
    assert not score.any()
    assert (p == 1).all()
    assert (rank_sums(np.zeros((2000, 1)), members).p == 1).all()


def test_false_discoveries_are_counted_over_all_numbers_and_sets():
    p = np.array([[0.01, 0.5], [0.02, 0.9]])
    fdr, found = discovered(p, 0.05)
    np.testing.assert_allclose(fdr, [[0.04, 2 / 3], [0.04, 0.9]])
    np.testing.assert_array_equal(found, [[True, False], [True, False]])


def test_relabelled_sets_keep_sizes_and_overlaps(ranking):
    _, members = ranking
    random = relabelled(members, 2000, 3)
    assert [len(one) for one in random] == [len(one) for one in members]
    assert len(np.intersect1d(random[3], random[4])) == len(np.intersect1d(members[3], members[4]))
    assert not np.array_equal(random[0], members[0])


# stability


def test_a_code_turned_and_reordered_is_the_same_code():
    draw = np.random.default_rng(0)
    code = draw.normal(size=(200, 4)) * [1, 2, 3, 4]
    found = align(code, code[:, [2, 0, 3, 1]] * [-1, 1, 1, -5])
    np.testing.assert_array_equal(found.match_W, [1, 3, 0, 2])
    np.testing.assert_allclose(found.r_W, [1, -1, -1, 1])
    assert found.disparity == pytest.approx(0, abs=1e-9)
    rotated = np.linalg.qr(draw.normal(size=(4, 4)))[0]
    whitened = (code - code.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(code.T))).T
    assert align(whitened, whitened @ rotated).disparity < 0.02
    assert align(code, draw.normal(size=(200, 4))).disparity > 0.8


def test_a_link_recurs_only_with_its_sign():
    score = np.array([[2.0, -2.0]])
    r = np.array([[0.1, -0.9], [0.8, 0.0]])
    match = np.array([1, 0])
    everything = np.ones((1, 2), dtype=bool)
    # the first number is the second one of the other code turned round; the second is its first
    assert recurs(score, np.array([[-1.0, -1.0]]), everything, r, match).all()
    assert not recurs(score, np.array([[1.0, 1.0]]), everything, r, match).any()
    assert not recurs(score, np.array([[-1.0, -1.0]]), ~everything, r, match).any()


# the measure


def test_planted_programs_are_found_again(measured, programs):
    _, found = measured
    links, recovery = found.finding.links, programs.finding
    assert links.sets == PROGRAMS
    assert links.random_sets < links.n / 2
    assert recovery.n_programs == PROGRAMS
    for method in ("model", "pca"):
        assert recovery.methods[method].recall.value > 0.8
    assert recovery.methods["model"].decoys <= 2
    rivals = [recovery.difference_to[name] for name in ("pca", "ica", "nmf")]
    leads = [share.value for one in rivals for share in (one.precision, one.recall)]
    assert recovery.least_lead.value == min(leads)
    assert links.over_shuffled.value == pytest.approx(links.rank_sums / links.shuffled)
    assert set(recovery.difference_to) == {"pca", "ica", "nmf", "model_decoder", "model_running_sum"}


def test_links_name_genes_of_their_sets_and_how_often_they_recur(measured):
    _, found = measured
    links = found.tables["pathway_links"]
    assert len(links) == found.finding.links.n
    assert links["number"].between(1, 3).all()
    assert links["seeds_share"].isin([0, 0.5, 1]).all()
    assert (links["fdr"] <= 0.05).all()
    for row in links.to_dict("records"):
        program = int(row["set"].split("_")[1])
        assert all(int(gene[1:]) // A_PROGRAM == program for gene in row["genes"].split())
    stability = found.finding.stability
    assert stability.recurring == (links["seeds_share"] >= stability.needed).sum()
    assert 0 < stability.r_median <= 1


def test_the_same_again_is_the_same(measured):
    own, found = measured
    again = measure_pathways(own)
    assert repr(again.finding) == repr(found.finding)
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_shuffled_labels_of_genes_leave_no_links(measured, tmp_path):
    own, _ = measured
    draw = np.random.default_rng(0)
    names = [f"RANDOM_{at}" for at in range(6)]
    lines = ["\t".join([name, "x", *(f"g{at}" for at in draw.choice(GENES, 20, replace=False))]) for name in names]
    (tmp_path / "random.gmt").write_text("\n".join(lines))
    found = measure_pathways(with_sets(own, tmp_path))
    assert found.finding.links.n <= 2
    programs = measure_programs(with_sets(own, tmp_path))
    assert programs.finding is None
    assert "simulated" in programs.left_out["programs"]


def test_no_set_that_was_given_to_features_is_tested(featured, tmp_path):
    own, _ = featured
    sets, _, _ = find_sets(own)
    given = replace(
        own.bundle.features, given=("ELSEWHERE", sets.names[1]),
        given_M=np.concatenate([sets.members[0], sets.members[1]]).astype(np.int32),
        given_end_P=np.cumsum([len(sets.members[0]), len(sets.members[1])]).astype(np.int32),
    )  # fmt: skip
    drawn = replace(own, bundle=replace(own.bundle, features=given))
    left, _, _ = find_sets(drawn)
    assert left.names == sets.names[2:] and left.n_given == 2, "one by name, one by its genes"
    answer = measure_features(drawn)
    assert (answer.finding.n_sets, answer.finding.n_given) == (len(sets) - 2, 2)
    assert set(answer.tables["feature_links"]["set"]).isdisjoint(sets.names[:2])
    section = features_section(answer.finding, some_evidence(answer), tmp_path)
    assert "2 more were given" in section.n
    nothing = {"feature_links": pd.DataFrame([], columns=answer.tables["feature_links"].columns)}
    unlinked = features_section(answer.finding, some_evidence(replace(answer, tables=nothing)), tmp_path / "none")
    assert not any("Named most closely" in note for note in unlinked.notes)
    every = replace(
        given, given=sets.names, given_M=np.concatenate(sets.members).astype(np.int32),
        given_end_P=np.cumsum([len(one) for one in sets.members]).astype(np.int32),
    )  # fmt: skip
    none, _, reason = find_sets(replace(own, bundle=replace(own.bundle, features=every)))
    assert none is None and "fit.gene_sets" in reason


def test_without_gene_sets_it_says_where_to_put_them(measured, tmp_path):
    own, _ = measured
    for place in (tmp_path, tmp_path / "not there"):
        found = measure_pathways(with_sets(own, place))
        assert found.finding is None
        assert str(place) in found.left_out["pathways"]


def test_genes_by_other_names_are_told_with_an_example_of_each(measured, tmp_path):
    own, _ = measured
    found = measure_pathways(with_sets(own, gmt(tmp_path / "other", prefix="ENSG")))
    assert found.finding is None
    assert re.findall(r"\b(?:ENSG|g)\d+", found.left_out["pathways"]) == ["g0", "ENSG0"]


def test_sets_of_unfit_sizes_only_are_told(measured, tmp_path):
    own, _ = measured
    (tmp_path / "small.gmt").write_text("SMALL\tx\tg1\tg2\n")
    found = measure_pathways(with_sets(own, tmp_path))
    assert found.finding is None
    assert "1 have fewer and 0 more" in found.left_out["pathways"]


def test_without_labels_there_are_no_cell_types(measured, tmp_path):
    own, _ = measured
    blind = replace(with_sets(own, gmt(tmp_path / "sets")), samples=own.samples.drop(columns="label"))
    found = measure_pathways(blind)
    assert found.finding.expected is None
    assert "labels" in found.left_out["pathways.expected"]
    assert found.tables["pathway_activity"].empty
    assert found.finding.links.n > 0


def test_what_is_expected_is_looked_for_in_the_right_types(measured, tmp_path):
    own, _ = measured
    names = ["HALLMARK_BILE_ACID_METABOLISM", "Neuronal System", "A", "B", "C", "D"]
    found = measure_pathways(with_sets(own, gmt(tmp_path / "sets", names)))
    table = found.tables["pathway_expected"]
    assert list(zip(table["label"], table["best_set"], strict=True)) == [
        ("brain", "Neuronal System"), ("liver", "HALLMARK_BILE_ACID_METABOLISM"),
    ]  # fmt: skip
    assert found.finding.expected.n == 2
    assert found.finding.expected.chance == pytest.approx(2 / 4)
    # the sets are where their activity is highest, whatever their names say
    matrix, truth = planted()
    by_label = truth.groupby(matrix.samples["label"]).mean()
    for row in table.to_dict("records"):
        program = f"PROGRAM_{names.index(row['best_set'])}"
        assert row["found"] == (by_label[program].idxmax() == row["label"])


# features


def test_without_features_nothing_is_asked_of_them(measured):
    found = measure_features(measured[0])
    assert found.finding is None
    assert "no features" in found.left_out["features"]


def test_features_stand_beside_as_many_axes_of_other_methods(featured):
    own, answer = featured
    found = answer.finding
    assert list(found.methods) == list(found.planted) == list(METHODS)
    assert list(found.lead) == list(found.leads) == list(METHODS)[1:]
    assert found.least_lead.value == min(one.value for one in found.leads.values())
    assert found.least_planted_lead.value == min(one.r.value for one in found.lead.values())
    width = own.profiles.code_SW.shape[1]
    assert {name: one.axes for name, one in found.methods.items()} == {
        name: width if name == "code" else found.n for name in METHODS
    }
    assert found.shuffled < 1, "shuffled profiles have about no links"
    for name, one in found.methods.items():
        assert one.links <= one.beyond <= one.axes * found.n_sets
        assert 0 <= found.planted[name].r.value <= 1
    table = answer.tables["feature_links"]
    assert len(table) == found.methods["features"].links
    assert table["set"].nunique() == round(found.methods["features"].sets.value * found.n_sets)
    assert (table["r"].abs() >= found.follows).all()
    named = table[table["named"]]
    assert 0 < len(named) <= found.methods["features"].named and (named["r"].abs() >= GOES_WITH).all()


def test_what_is_expected_is_looked_for_through_features(featured, tmp_path):
    own, _ = featured
    names = ["HALLMARK_BILE_ACID_METABOLISM", "Neuronal System", "A", "B", "C", "D"]
    answer = measure_features(with_sets(own, gmt(tmp_path / "sets", names)))
    assert answer.finding.n_expected == 2
    assert all(0 <= one.expected <= 2 for one in answer.finding.methods.values())
    assert answer.finding.planted is answer.finding.lead is answer.finding.least_planted_lead is None
    assert planted_section(answer.finding, some_evidence(answer), tmp_path) is None
    assert planted_sentences(answer.finding, some_facts()) == []


def test_features_are_said_to_be_worse_where_a_rival_is_ahead(featured, tmp_path):
    _, answer = featured
    better, none, worse = ({"low": at, "value": at + 0.1, "high": at + 0.2} for at in (0.1, -0.1, -0.4))
    for nmf, standing in ((better, "good"), (none, "open"), (worse, "bad")):
        lead = {name: {"r": nmf if name == "nmf" else better} for name in answer.finding.lead}
        [sentence] = planted_sentences(changed(answer.finding, lead=lead), some_facts())
        assert sentence.standing == standing
        assert ("NMF" in sentence.claim) == (standing == "bad")
        [sentence] = feature_sentences(
            changed(answer.finding, leads=dict.fromkeys(lead, better) | {"nmf": nmf}), some_facts()
        )
        assert sentence.standing == standing
    for make in (features_section, planted_section):
        section = make(answer.finding, some_evidence(answer), tmp_path)
        assert [row[0] for row in section.table.rows] == list(METHODS.values())


# cell types


def looked_up(codes, labels, names, score, fdr):
    own = activities(np.array(codes), pd.Series(labels), score, fdr < 0.05)
    none = replace(own, activity_LP=np.zeros_like(own.activity_LP))
    return cell_type_pathways.expectations(names, own, own, none, score, fdr).set_index("label")


def test_a_label_has_the_set_that_its_number_raises():
    codes = np.array([[3.0, 0.0], [3.1, 0.1], [-3.0, 0.0], [-3.1, -0.1], [0.0, 0.0], [0.1, 0.0]])
    labels = ["liver"] * 2 + ["brain"] * 2 + ["lung"] * 2
    names = ["HALLMARK_BILE_ACID_METABOLISM", "NEURONAL_SYSTEM", "SURFACTANT"]
    score = np.array([[2.0, 0.1], [-2.0, 0.1], [0.1, 0.1]])
    fdr = np.where(np.abs(score) > 1, 0.001, 0.9)
    table = looked_up(codes, labels, names, score, fdr)
    assert table["found"].to_dict() == {"brain": True, "liver": True, "lung": False}
    assert table["found_by_rank"].equals(table["found"])
    assert not table["found_pca"].any()
    assert table["place_among_labels"].loc[["brain", "liver"]].tolist() == [1, 1]
    assert table["fdr"].loc["brain"] == 0.001
    assert table["nes"].loc["brain"] == -2
    # the other way round, nothing is found
    assert not looked_up(-codes, labels, names, score, fdr)["found"].any()


def test_what_is_expected_of_two_labels_may_be_highest_in_either():
    codes, labels = [[1.0], [2.0], [0.0], [-3.0]], ["skin", "esophagus", "liver", "brain"]
    table = looked_up(codes, labels, ["Keratinization"], np.array([[2.0]]), np.array([[0.01]]))
    assert table["found"].to_dict() == {"skin": True, "esophagus": True}
    assert table["chance"].tolist() == [0.5, 0.5]


def test_blood_vessels_are_no_blood():
    table = looked_up(
        [[1.0], [-1.0]], ["Blood", "Blood Vessel"], ["Interferon Signaling"], np.array([[2.0]]), np.array([[0.01]])
    )
    assert table.index.tolist() == ["Blood"]


def test_sets_that_repeat_a_better_one_are_passed_over():
    members = [np.arange(20), np.arange(5, 25), np.arange(40, 60), np.arange(60, 80)]
    assert cell_type_pathways.distinct_sets(np.array([3.0, 2.5, 2.0, -1.0]), members, 3) == [0, 2]


# the report


def test_the_sections_show_what_was_found(measured, programs, tmp_path):
    _, found = measured
    makers = ((pathways_section, found), (cell_type_pathways_section, found), (programs_section, programs))
    for make, answer in makers:
        section = make(answer.finding, some_evidence(answer), tmp_path)
        assert (tmp_path / f"{section.key}.svg").exists()
        assert section.claim
    assert "Program 0" in (tmp_path / "pathways.svg").read_text()
    assert "liver" in (tmp_path / "cell_type_pathways.svg").read_text()


def test_links_that_shuffled_codes_reach_are_said_to_be_bad(measured):
    _, found = measured
    for beyond, standing in ((0, "bad"), (3, "open")):
        other = changed(found.finding, links={"beyond_shuffled": beyond}, expected=None)
        sentences = pathways_sentences(other, some_facts())
        assert [sentence.standing for sentence in sentences] == [standing]
    none = changed(found.finding, links={"n": 0})
    assert [one.standing for one in pathways_sentences(none, some_facts())] == ["bad"]


def test_pca_finding_more_of_what_is_expected_is_said_to_be_bad(measured):
    _, found = measured
    for by_rank, standing in ((2, "bad"), (3, "open")):
        expected = {"n": 5, "found": 4, "found_by_rank": by_rank, "found_pca": 3, "chance": 1.0}
        (sentence,) = expected_sentences(changed(found.finding, expected=expected), some_facts())
        assert sentence.standing == standing


def test_another_method_with_truer_links_is_said_to_be_bad(programs):
    recovery = programs.finding
    better, none, worse = ({"low": at, "value": at + 0.1, "high": at + 0.2} for at in (0.1, -0.1, -0.4))
    for nmf, standing in ((better, "good"), (none, "open"), (worse, "bad")):
        own = {"pca": better, "ica": better, "nmf": nmf}
        differences = {name: {"precision": one, "recall": none} for name, one in own.items()}
        (sentence,) = program_sentences(changed(recovery, difference_to=differences), some_facts())
        assert sentence.standing == standing
        assert ("NMF" in sentence.text.split("NMF", 1)[1]) == (standing == "bad")


@pytest.mark.parametrize(("n_labels", "n_sets"), [(2, 3), (60, 90)])
def test_maps_of_few_and_of_many_cell_types(tmp_path, n_labels, n_sets):
    from cic.evaluation.drawing.drawing import draw
    from cic.evaluation.questions.pathways.draw import MOST_LABELS, MOST_SETS, label_map

    draw_from = np.random.default_rng(0)
    activity = pd.DataFrame(
        [
            (f"type {label}", f"HALLMARK_SET_NUMBER_{at}", "hallmark", draw_from.normal(), int(at == label % n_sets))
            for label in range(n_labels)
            for at in range(n_sets)
        ],
        columns=list(cell_type_pathways.ACTIVITY_COLUMNS),
    )
    svg = draw(tmp_path, "map", "", label_map(activity)).svg
    assert svg.count(">type ") == min(n_labels, MOST_LABELS)
    assert svg.count(">Set number") <= MOST_SETS
