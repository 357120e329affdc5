"""The report opens anywhere, says what was measured, and can be read by everybody."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, evaluated, typed

from cic.evaluation.catalogue import questions
from cic.evaluation.drawing import drawing, style
from cic.evaluation.drawing.maps import code_map
from cic.evaluation.drawing.marks import LOOKS
from cic.evaluation.questions.architectures.draw import DEPTH_LOOKS
from cic.evaluation.report.card import LONGEST, model_card
from cic.evaluation.report.contents import findings, headline, standings, verdict
from cic.evaluation.report.front import yardsticks
from cic.evaluation.report.headlines import by_topic, figure_cell, headline_values
from cic.evaluation.report.outcome import PLACE, with_outcome
from cic.evaluation.report.page import render
from cic.evaluation.section import Section, Table
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Sentence, percent, with_interval

ODD = 'T <b>cells</b> & $x_1$ "B"'


class Page(HTMLParser):
    """Collects what a page refers to, its ids and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids[value] += 1
            if name in ("src", "href", "xlink:href", "srcset", "poster", "action"):
                self.links.append(value)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    matrix = curved_profiles(n_labels=12)
    matrix.samples["label"] = matrix.samples["label"].replace("type 3", ODD)
    metrics = evaluated(matrix, out, label_weight=0.1)
    return metrics, (out / "report.html").read_text(), out


def test_nothing_is_fetched(report):
    _, text, _ = report
    page = Page(text)
    assert all(link.startswith("#") for link in page.links), page.links
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", text)


def test_ids_are_unique_and_links_arrive(report):
    page = Page(report[1])
    assert [name for name, n in page.ids.items() if n > 1] == []
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", report[1])) <= set(page.ids)


def squeezed(text):
    return "".join(text.replace("`", "").split())


def test_claims_stand_at_the_top_and_what_is_behind_them_is_told_once(report):
    metrics, text, _ = report
    words = squeezed("".join(Page(text).words))
    first_section = words.index("Howwellareprofilesreproduced?")
    for sentence in verdict(typed(metrics)):
        assert words.index(squeezed(sentence.claim)) < first_section
        assert words.count(squeezed(sentence.details)) == 1 or not sentence.details


def table_rows(text):
    table = re.search(r'<table class="findings".*?</table>', text, flags=re.DOTALL)[0]
    return re.findall(r'<tr class="(\w+)" id="finding-\d+"[^>]*>(.*?)</tr>', table, flags=re.DOTALL)


def test_the_table_has_a_row_a_finding_with_the_declared_figure_and_begins_where_the_model_loses(report):
    metrics, text, _ = report
    rows, found = table_rows(text), findings(typed(metrics))
    assert len(rows) == len(found)
    sides = [side for side, _ in rows]
    assert sides == sorted(sides, key=("bad", "open", "good").index) and sides[0] == "bad"
    for topic, _, sentence in found:
        (row,) = [content for _, content in rows if f">{topic}<" in content]
        assert squeezed(sentence.claim) in squeezed("".join(Page(row).words))
        cell = figure_cell(typed(metrics), topic)
        if cell is None:
            assert "<strong>" not in row
        else:
            assert f"<strong>{cell[0]}</strong> ({cell[1]}) <small>{cell[2]}</small>" in row
    ratio = metrics["ratio_to_pca"]
    assert figure_cell(typed(metrics), "Reconstruction against PCA") == (
        f"{ratio['value']:.2f}",
        f"{ratio['low']:.2f} to {ratio['high']:.2f}",
        "squared error over PCA’s; better below 1",
    )
    assert "no interval" in figure_cell(
        typed({**metrics, "ratio_to_pca": {"value": 0.5, "low": None, "high": None}}), "Reconstruction against PCA"
    )
    assert set(by_topic()) <= {topic.title for question in questions() for topic in question.topics}


def test_what_was_not_measured_has_no_figure(report):
    bare = {**report[0], "replicates": None, "ratio_to_pca": {"value": None, "low": None, "high": None}}
    assert figure_cell(typed(bare), "Reconstruction against replicates") is None
    assert figure_cell(typed(bare), "Cell identity") is None and figure_cell(typed(bare), "Audit of the split") is None
    assert set(headline_values(typed(bare))) == {"unexplained_variance", "unexplained_variance_pca"}


def test_a_picture_and_the_yardsticks_stand_before_any_prose_is_folded(report):
    metrics, text, _ = report
    body = text[text.index("<body>") :]
    fold = body.index("<details")
    assert body.index('<figure id="codes">') < body.index('class="sticks"') < body.index('id="findings"') < fold
    assert f"<strong>{metrics['ratio_to_pca']['value']:.2f}</strong>" in body[:fold]
    sticks = {one.key: one for one in yardsticks(typed(metrics))}
    assert list(sticks) == ["mean_profile", "type_mean", "pca", "model", "replicates", "span_ceiling"]
    for one in sticks.values():
        assert 0 <= one.low <= one.at <= one.high <= 100 and f"<td>{one.rmse}</td><td>{one.unexplained}</td>" in body
    assert sticks["model"].at < sticks["mean_profile"].at
    assert "replicates" not in {one.key for one in yardsticks(typed({**metrics, "replicates": None}))}
    for section in re.findall(r"<section.*?</section>", body, flags=re.DOTALL):
        assert "<figure>" not in section or section.index("<figure>") < section.index("<details")


def test_words_that_few_know_are_told_where_they_first_stand(report):
    text = report[1]
    told = set(re.findall(r'<div id="(word-\w+)"><dt>', text))
    assert {"word-span", "word-replicates", "word-unexplained", "word-pca"} <= told
    assert all(f'href="#{word}"' in text for word in told)
    assert '<div id="word-links">' in render(
        typed(report[0]), [Section(key="pathways", title="Pathways", claim="Linked.")]
    )


def test_a_copy_of_the_page_bears_what_came_of_the_model(report):
    text = report[1]
    assert len(PLACE.findall(text)) == 1 and "cic show" in PLACE.search(text)[0]
    copy = with_outcome(text, {"Version": "models:/cic/3", "gate": f"refused: {ODD} \\1"})
    assert "<dd>models:/cic/3</dd>" in copy and "refused: T &lt;b&gt;cells&lt;/b&gt;" in copy and "\\1" in copy
    assert PLACE.sub("", copy) == PLACE.sub("", text)


def test_the_seed_of_a_training_is_not_taken_for_that_of_the_run(report):
    _, text, _ = report
    assert "seedofthekepttraining" in squeezed("".join(Page(text).words))


def test_headings_do_not_skip_a_level(report):
    levels = [int(level) for level in re.findall(r"<h(\d)", report[1])]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_names_of_cell_types_cannot_break_the_page(report):
    _, text, out = report
    page = Page(text)
    assert "b" not in page.tags
    assert ODD in " ".join(page.words)
    assert (out / "figures" / "codes.svg").read_text().count("$x_1$") == 1


def test_figures_stand_in_the_page_and_on_disk(report):
    _, text, out = report
    names = {path.stem for path in (out / "figures").glob("*.svg")}
    assert names == {"reconstruction", "labels", "codes", "search", "training"}
    assert names == {path.stem for path in (out / "figures").glob("*.png")}
    assert Page(text).tags["svg"] == len(names)


def test_figures_follow_the_reader_s_colours(report):
    body = report[1][report[1].index("<body>") :]
    for colour in style.PAGE_COLOURS:
        assert colour not in body
    assert "var(--ink)" in body and "prefers-color-scheme: dark" in report[1]


def test_every_figure_has_words_and_n(report):
    text = report[1]
    figures_shown = re.findall(r"<figure.*?</figure>", text, flags=re.DOTALL)
    assert len(figures_shown) == 5
    for figure in figures_shown:
        assert re.search(r'class="unseen">[^<]{20,}', figure)
        assert re.search(r"<figcaption>.*n: ", figure, flags=re.DOTALL)


def test_marks_differ_by_more_than_colour():
    assert len({look.marker for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.colour for look in DEPTH_LOOKS}) == len({look.marker for look in DEPTH_LOOKS}) == 6


@pytest.mark.parametrize(
    ("low", "high", "side"),
    [
        (0.8, 0.9, "below"),
        (1.1, 1.2, "above"),
        (0.9, 1.1, "undecided"),
        (0.9, 1.0, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_sides(low, high, side):
    assert against(Interval(1.0, low, high)) == side


def test_numbers_in_words():
    assert with_interval(Interval(0.914, 0.88, 0.94), 0.95) == "0.91 (95% interval 0.88 to 0.94)"
    assert "no interval" in with_interval(Interval(0.914, None, None), 0.95)
    assert with_interval(Interval(-0.001, -0.5, 0.1), 0.9).startswith("0.00")
    assert with_interval(Interval(0.9981, 0.9974, 0.9988), 0.95) == "0.998 (95% interval 0.997 to 0.999)"
    assert with_interval(Interval(1.0, 1.0, 1.0), 0.95) == "1.00 (95% interval 1.00 to 1.00)"
    assert with_interval(Interval(1.0, 1 - 1e-16, 1 + 2e-16), 0.95) == "1.00 (95% interval 1.00 to 1.00)"
    assert percent(0.1234) == "12.3%"


def test_a_section_needs_no_figure(report):
    page = render(
        typed(report[0]), [Section(key="later", title="A later measure", claim="It claims `something` < else.")]
    )
    assert "It claims <code>something</code> &lt; else." in page
    assert Page(page).tags["svg"] == 0


def test_the_answer_stands_first_and_leads_to_every_finding(report):
    metrics, text, _ = report
    said = findings(typed(metrics))
    assert text.index(headline(typed(metrics))) < text.index('id="finding-1"')
    sections = [section for _, section, _ in said if f'<section id="{section}"' in text]
    assert sections and {f"#{section}" for section in sections} <= set(Page(text).links)
    assert len({topic for topic, _, _ in said}) == len(said)


def test_one_finding_is_counted_as_one():
    told = standings([Sentence(standing, "", "") for standing in ("good", "open", "bad", "bad")])
    assert told == "Of 4 findings, 1 speaks for the model, 2 against it, and 1 leaves it open."


def test_the_answer_follows_what_was_found(report):
    few = {**report[0], "cautions": {"resampling": "Three groups."}}
    for low, high in ((0.8, 0.9), (0.9, 1.1), (1.1, 1.2)):
        told = headline(typed({**few, "ratio_to_pca": {"value": 1.0, "low": low, "high": high}}))
        assert "cannot be told" in told and "describes new profiles" not in told
    metrics = {**report[0], "cautions": {}}
    assert "better than PCA" in headline(typed(metrics))
    for low, high, words in (
        (1.1, 1.2, "but less accurately"),
        (0.8, 0.9, "and as accurately"),
        (0.9, 1.1, "about as"),
    ):
        ceiling = {**metrics["replicates"], "held_out": 1, "ratio": {"value": 1.0, "low": low, "high": high}}
        assert words in headline(typed({**metrics, "replicates": ceiling}))
        assert "replicates" not in headline(typed({**metrics, "replicates": {**ceiling, "held_out": 0}}))
    itself = {**metrics["model"], "depth": 0}
    for told in (headline(typed({**one, "model": itself})) for one in (metrics, few)):
        assert "is PCA: the search chose no hidden layer" in told and "of that of PCA" not in told
    leaky = {**metrics, "audit": {"passed": 0, "blocking": 1, "findings": 1}}
    assert headline(typed(leaky)).startswith("Do not rely") and findings(typed(leaky))[0][1] == "audit"
    for low, high, words in ((1.1, 1.2, "PCA describes"), (0.9, 1.1, "no better than PCA")):
        assert words in headline(typed({**metrics, "ratio_to_pca": {"value": 1.0, "low": low, "high": high}}))
    trifle = {**metrics, "ratio_to_pca": {"value": 0.9997, "low": 0.9996, "high": 0.9998}}
    assert "hardly better" in headline(typed(trifle))
    assert [one.standing for topic, _, one in findings(typed(trifle)) if topic == "Reconstruction against PCA"] == [
        "open"
    ]
    for low, high, words in ((None, None, "too few"), (0.9, 1.1, "next to nothing was learnt")):
        unexplained = {**metrics["unexplained_variance"], "model": {"value": 1.0, "low": low, "high": high}}
        assert words in headline(typed({**metrics, "unexplained_variance": unexplained}))


def test_the_card_keeps_every_claim_and_caution_and_cuts_details_only(report):
    metrics = {**report[0], "cautions": {"later": "Beware of one."}}
    metrics["left_out"] = {**metrics["left_out"], "later": f"no room: {'too long a tale ' * 300}"}
    for told in (report[0], metrics):
        card = model_card(typed(told))
        assert re.match(r"Depth 1, 3 numbers: squared error 0\.\d+ \(95% .*\) times that of PCA\.\n\n## ", card)
        assert len(card) <= LONGEST and headline(typed(told)) in card
        assert all(f"{topic}: {sentence.claim}" in card for topic, _, sentence in findings(typed(told)))
        assert all(caution in card for caution in told["cautions"].values())
    assert metrics["left_out"]["later"] not in card
    assert all(sentence.details in model_card(typed(report[0])) for _, _, sentence in findings(typed(report[0])))


def test_a_caution_is_said_once_and_where_it_belongs(report):
    cautions = {"later": "Beware of one.", "other": "Beware of all.", "twin": "Beware of all."}
    section = Section(key="later", title="A later measure", claim="It claims.", notes=("Beware of one.", "No caution."))
    page = render(typed({**report[0], "cautions": cautions}), [section])
    assert page.count("Beware of one.") == page.count("Beware of all.") == 1
    assert "<strong>Caution.</strong> Beware of one." in page
    assert page.index("Beware of all.") < page.index("A later measure")


def test_tables_have_headers_and_long_ones_are_not_printed(report):
    rows = tuple((f"row {number}", "0.81 ± 0.02 (0.79 to 0.83)") for number in range(30))
    page = render(
        typed(report[0]),
        [Section(key="later", title="Later", claim="It claims.", table=Table(("name", "value"), rows))],
    )
    assert page.count('<th scope="row">') == 30 and page.count('<th scope="col">') == 2
    assert re.search(r"@media print.*details \{ display: none", page, re.S)
    assert '0.81\u00a0±\u00a00.02 <span class="whole">(0.79 to 0.83)</span>' in page


def luminance(colour):
    part_3 = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return float(
        np.where(part_3 <= 0.04045, part_3 / 12.92, ((part_3 + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    )


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_and_marks_stand_out_on_light_and_on_dark_paper(report):
    """Contrast as WCAG 2 has it: 4.5 for text, 3 for marks."""
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", report[1], re.S)
    ]
    for scheme in schemes[:2]:
        for name in ("ink", "soft", "link", "good", "bad", "open"):
            assert min(contrast(scheme[name], scheme[paper]) for paper in ("paper", "card")) >= 4.5, name
        for look in LOOKS.values():
            assert contrast(look.colour, scheme["paper"]) >= 3, look


@pytest.mark.parametrize("n_labels", [0, 1, 2, 60])
def test_few_labels_and_many_are_drawn(tmp_path, n_labels):
    draw = np.random.default_rng(n_labels)
    name_S = [f"type {number % n_labels + 1:02d}" if n_labels else None for number in range(240)]
    xy_S2, held_out_S = draw.normal(size=(240, 2)), np.arange(240) < 40
    picture = drawing.draw(
        tmp_path, "codes", "Codes.", code_map(xy_S2, pd.Series(name_S, dtype="object"), held_out_S, (0.5, 0.2))
    )
    names = sorted({name for name in name_S if name} or {"no label"})
    for number, name in enumerate(names, start=1):
        assert re.search(rf">{number} · {name}<" if n_labels == 60 else rf">{name}<", picture.svg), name
        if n_labels == 60:
            assert f">{number}</text>" in picture.svg


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_a_browser_shows_it_without_scrolling_sideways(report, tmp_path, width):
    # a window narrower than 500 is not to be had, so the page stands in a frame of the asked width
    (tmp_path / "report.html").write_text(report[1])
    (tmp_path / "frame.html").write_text(
        f'<iframe id="page" src="report.html" width="{width}" height="900"></iframe><p id="told"></p><script>'
        'const page = document.getElementById("page"); page.onload = () => {'
        "const root = page.contentDocument.documentElement;"
        'document.getElementById("told").textContent = `sideways ${root.scrollWidth - root.clientWidth}, '
        'figures ${root.querySelectorAll("figure svg").length}`; };</script>'
    )
    told = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-component-update", "--disable-sync", "--disable-quic", "--allow-file-access-from-files",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom",
         (tmp_path / "frame.html").as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert "sideways 0, figures 5" in told
