"""What a search came to, in Markdown, for the page of its run."""

from __future__ import annotations

from collections.abc import Sequence

from cic.search.records import Record
from cic.search.selection import Choice


def search_note(records: Sequence[Record], choice: Choice) -> str:
    """Give what was chosen and why, and the least error at each depth and width, also over that of PCA."""
    best: dict[tuple[int, int], tuple[float, float]] = {}
    for record in records:
        if record.state == "complete" and record.error is not None and record.error_ratio_to_pca is not None:
            at, found = (record.hyper.depth, record.hyper.bottleneck_width), (record.error, record.error_ratio_to_pca)
            best[at] = min(found, best.get(at, found))
    depths, widths = sorted({depth for depth, _ in best}), sorted({width for _, width in best})
    rows = [
        f"| {depth} | " + " | ".join(_cell(best.get((depth, width))) for width in widths) + " |" for depth in depths
    ]
    hyper = choice.finalist.hyper
    return "\n".join(
        [
            f"**Chosen: depth {hyper.depth}, width {hyper.bottleneck_width}**, the trial with a ★ before its name. "
            f"{choice.reason[:1].upper()}{choice.reason[1:]}.",
            "",
            "Least validation error of a single trial, and over that of PCA of equal width, by depth and width of the "
            "code; below 1 is better than PCA. The best of these were trained again and chosen among by their means, "
            "so the least figure here need not be that of the chosen one:",
            "",
            "| depth | " + " | ".join(f"width {width}" for width in widths) + " |",
            "|---|" + "---|" * len(widths),
            *rows,
        ]
    )


def _cell(found: tuple[float, float] | None) -> str:
    return "not tried" if found is None else f"{found[0]:.4f} ({found[1]:.2f} of PCA)"
