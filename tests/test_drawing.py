"""Pictures: what a figure shows as data, and that its words can be read."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from cic.evaluation.drawing.dots import Row, dot_panel
from cic.evaluation.drawing.drawing import draw
from cic.evaluation.drawing.heat_maps import heat_map
from cic.evaluation.drawing.marks import LOOKS, Axis, Look, Panel, Rule, Series, Spec
from cic.evaluation.drawing.placing import legend_lines, log_ticks
from cic.evaluation.drawing.rendering import render
from cic.evaluation.drawing.style import STYLE, WIDTH
from cic.evaluation.questions.groups.draw import groups_figure
from cic.evaluation.questions.identity.draw import confusion_figure, score_figure
from cic.evaluation.questions.pathways.draw import label_map, number_map
from cic.evaluation.questions.reconstruction.draw import label_ratios, reconstruction
from cic.evaluation.questions.unknown.draw import NAMES, unknown_figure
from cic.evaluation.questions.unseen_groups.draw import unseen_groups_figure
from cic.evaluation.questions.unseen_types.draw import unseen_types_figure
from cic.evaluation.report.origin_draw import loss_curves
from cic.evaluation.statistics.intervals import Interval

SETS = ("HALLMARK_EPITHELIAL_MESENCHYMAL_TRANSITION", "REACTOME_THE_CITRIC_ACID_CYCLE", "GOBP_CELL_ACTIVATION")


def written(text):
    """The box of a text without the empty lines that it begins with."""
    box, empty = text.get_window_extent(), len(text.get_text()) - len(text.get_text().lstrip("\n"))
    lines = text.get_text().count("\n") + 1
    return Bbox([[box.x0, box.y0], [box.x1, box.y1 - box.height * empty / lines]])


def texts_of(spec):
    """Texts of the drawn figure with their places in points, and the figure's size in points."""
    with matplotlib.rc_context(STYLE):
        figure = render(spec)
        FigureCanvasAgg(figure)
        figure.set_dpi(72)
        figure.draw_without_rendering()
        shown = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip()]
        # ticks beyond the limits are objects that are never drawn
        hidden = {
            label
            for axes in figure.findobj(matplotlib.axes.Axes)
            for axis in (axes.xaxis, axes.yaxis)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            if tick not in axis._update_ticks()
            for label in (tick.label1, tick.label2)
        }
        places = [(one.get_text(), one.get_fontsize(), written(one)) for one in shown if one not in hidden]
        return places, 72 * figure.get_size_inches()


def links(n_numbers, n_sets=25):
    random = np.random.default_rng(0)
    rows = [
        (f"{SETS[at % 3]}_{at}", number, random.normal(), random.uniform(), True)
        for at in range(n_sets)
        for number in range(1, n_numbers + 1)
    ]
    return pd.DataFrame(rows, columns=["set", "number", "nes", "seeds_share", "shown"])


def ratios(column, n):
    random = np.random.default_rng(0)
    table = pd.DataFrame({column: [f"a name that is long {number}" for number in range(n)], "n": 120})
    for value, low, high in (("ratio_to_pca", "low", "high"), ("ratio_to_seen", "seen_low", "seen_high")):
        table[value] = random.uniform(0.7, 1.2, n)
        table[low], table[high] = table[value] - 0.1, table[value] + 0.1
    return table.assign(distance=random.uniform(0.1, 0.4, n), pca_ratio_to_seen=table["ratio_to_seen"] + 0.1)


def by_label():
    table = ratios("label", 30)
    over = table["ratio_to_seen"]
    return table.assign(
        n_sets=3, ratio_to_replicates=over, ratio_to_replicates_low=over - 0.1, ratio_to_replicates_high=over + 0.1,
        ratio_to_replicates_pca=over + 0.2,
    )  # fmt: skip


def long_labels():
    random = np.random.default_rng(0)
    rows = [
        (f"CD8-positive T cell {label}", f"{SETS[at % 3]}_{at}", "h", random.normal(), int(at == label % 28))
        for label in range(40)
        for at in range(28)
    ]
    return pd.DataFrame(rows, columns=["label", "set", "collection", "activity", "chosen"])


def confusion(n):
    names = [f"a cell type of long name {number:02d}" for number in range(n)]
    return pd.DataFrame(
        [(name, name, 9) for name in names] + [(names[0], names[1], 1)], columns=["true", "predicted", "n"]
    )


def told_groups():
    told = SimpleNamespace(accuracy=Interval(0.7, 0.5, 0.9), by_chance=Interval(0.1, None, None))
    ratio = Interval(0.9, 0.8, 1.1)
    penalty = SimpleNamespace(told=told, told_without=told, ratio_to_pca=ratio, ratio_to_pca_without=ratio)
    return SimpleNamespace(model=told, pca=told, penalty=penalty)


ERRORS = {
    name: Interval(value, value - 0.1, value + 0.1)
    for name, value in {"mean_profile": 1.2, "type_mean": 0.9, "pca": 0.5, "model": 0.4, "span_ceiling": 0.3}.items()
}
CURVES = pd.DataFrame(
    {"training": 0, "kept": True, "epoch": [10, 20, 30], "train_error": [0.2, 0.12, 0.1], "validation_error": 0.11}
)
ROC = pd.DataFrame([(name, at, at**0.5) for name in NAMES for at in (0.0, 0.5, 1.0)],
                   columns=["score", "known_rejected", "unknown_rejected"])  # fmt: skip
FIGURES = {
    "numbers": lambda: number_map(links(64), 0.8, 64),
    "few numbers": lambda: number_map(links(8), 0.8, 8),
    "labels": lambda: label_map(long_labels()),
    "confusion of few": lambda: confusion_figure(confusion(3)),
    "confusion of twenty": lambda: confusion_figure(confusion(20)),
    "confusion of many": lambda: confusion_figure(confusion(60)),
    "scores": lambda: score_figure({"joint": ERRORS["model"], "profile_lda": ERRORS["pca"]}, 0.06),
    "cell types": lambda: label_ratios(by_label()),
    "cell types without replicates": lambda: label_ratios(by_label().assign(ratio_to_replicates=np.nan)),
    "errors": lambda: reconstruction(ERRORS, ERRORS, 30, "standard deviations"),
    "types": lambda: unseen_types_figure(ratios("label", 30)),
    "groups": lambda: unseen_groups_figure(ratios("group", 60)),
    "groups told": lambda: groups_figure(told_groups()),
    "many groups": lambda: unseen_groups_figure(ratios("group", 200)),
    "unknown": lambda: unknown_figure(ROC, dict.fromkeys(NAMES, Interval(0.9, None, None)), None),
    "training": lambda: loss_curves(CURVES, 0.15),
}


@pytest.mark.parametrize("name", FIGURES)
def test_words_stand_in_the_figure_and_apart_from_each_other(name):
    places, size = texts_of(FIGURES[name]())
    assert len(places) > 4 and min(points for _, points, _ in places) >= 6.5
    for text, _, box in places:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= size[0] + 1 and box.y1 <= size[1] + 1, text
    for (one, _, box), (other, _, beside) in combinations(places, 2):
        wide = min(box.x1, beside.x1) - max(box.x0, beside.x0)
        high = min(box.y1, beside.y1) - max(box.y0, beside.y0)
        # boxes hold the room above and below letters
        assert wide < 1 or high < 3, (one, other)


def test_dots_are_data_before_they_are_drawn():
    rows = [Row("PCA", Interval(1.0, 0.9, 1.2), "pca", "x"), Row("model", Interval(0.8, None, None))]
    panel = dot_panel(rows, Axis("error"), reference=1.0)
    rule, pca, model = panel.marks
    assert rule == Rule(1.0, "x") and (pca.look, model.look) == (LOOKS["pca"], LOOKS["model"])
    assert (list(pca.y), list(model.y)) == ([0], [1]) and list(pca.high) == [1.2] and np.isnan(model.low).all()
    assert panel.y.ticks == [(0.0, "PCA"), (1.0, "model")] and panel.notes == ["x", ""]


def test_a_panel_of_nothing_keeps_its_room():
    """Layout once shrank panels at each pass where a mark had no points."""
    nothing = Series((), (), Look("#000000", "o"), label="none")
    with matplotlib.rc_context(STYLE):
        figure = render(Spec([[Panel([nothing, Series([0, 1], [0, 1], LOOKS["model"])])]], [2.0]))
        FigureCanvasAgg(figure)
        heights = []
        for _ in range(3):
            figure.draw_without_rendering()
            heights.append(figure.axes[0].get_position().height)
        assert max(heights) - min(heights) < 0.01 and heights[-1] > 0.5
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["none"]


def test_what_is_told_twice_stands_in_the_legend_once(tmp_path):
    dots = Series([0, 1], [0, 1], LOOKS["model"], label="the model")
    spec = Spec([[Panel([dots])], [Panel([dots, Rule(0.5, "y", label="half")])]], [1.5, 1.5])
    picture = draw(tmp_path, "two", "", spec)
    assert picture.svg.count(">the model<") == picture.svg.count(">half<") == 1
    assert draw(tmp_path / "again", "two", "", spec).svg == picture.svg


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.9, 110.0, ["1", "3", "10", "30", "100"]),
        (0.09, 0.13, ["0.09", "0.1", "0.11", "0.12", "0.13"]),
        (1e-9, 10.0, ["1e-09", "1e-07", "1e-05", "0.001", "0.1", "10"]),
    ],
)
def test_a_logarithmic_axis_names_three_to_six_round_numbers(low, high, told):
    assert [name for _, name in log_ticks(low, high, 6)] == told


def test_the_legend_takes_as_many_columns_as_fit():
    assert legend_lines([]) == (0, 1)
    assert legend_lines(["a", "b", "b", ""]) == (1, 2)
    assert legend_lines(["a word " * 6] * 2 + ["another " * 6]) == (2, 1)


def test_a_heat_map_sorts_what_is_alike_together_and_keeps_blanks():
    values_RC = np.array([[1.0, -1.0, np.nan], [-1.0, 1.0, 0.0], [0.9, -0.9, 0.1]])
    marked_RC = np.array([[True, False, False], [False] * 3, [False] * 3])
    spec = heat_map(values_RC, ["a", "b", "c"], ["x", "y", "z"], marked_RC, "value", "column")
    ((panel,),) = spec.rows
    (cells,) = panel.marks
    names = [name for _, name in panel.y.ticks]
    assert abs(names.index("a") - names.index("c")) == 1 and np.isnan(cells.values_RC).sum() == 1
    ((row, column),) = cells.dots
    assert names[row] == "a" and panel.x.ticks[column][1].strip() == "x"
    assert spec.heights[0] > 1 and WIDTH < 4.7
