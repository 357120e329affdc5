"""What a search came to, in Markdown, for the page of its run."""

from __future__ import annotations

from collections.abc import Sequence

from cic.search.records import Record
from cic.search.selection import Choice


def search_note(records: Sequence[Record], choice: Choice) -> str:
    """Give what was chosen and why, and the least error over that of PCA at each depth and width."""
    best: dict[tuple[int, int], float] = {}
    for record in records:
        if record.state == "complete" and record.error_ratio_to_pca is not None:
            at = record.hyper.depth, record.hyper.bottleneck_width
            best[at] = min(record.error_ratio_to_pca, best.get(at, record.error_ratio_to_pca))
    depths, widths = sorted({depth for depth, _ in best}), sorted({width for _, width in best})
    rows = [
        f"| {depth} | "
        + " | ".join(f"{best[depth, width]:.3f}" if (depth, width) in best else "not tried" for width in widths)
        + " |"
        for depth in depths
    ]
    hyper = choice.finalist.hyper
    return "\n".join(
        [
            f"**Chosen: depth {hyper.depth}, width {hyper.bottleneck_width}.** {choice.reason}.",
            "",
            "Least validation error of a single trial over that of PCA, by depth and width of the code; below 1 is "
            "better than PCA. The best of these were trained again and chosen among by their means, so the least "
            "figure here need not be that of the chosen one:",
            "",
            "| depth | " + " | ".join(f"width {width}" for width in widths) + " |",
            "|---|" + "---|" * len(widths),
            *rows,
        ]
    )
