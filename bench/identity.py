"""Cell types where they are hard to tell: few labels, fine types, other laboratories, disturbed profiles.

    python -m bench.identity measure $CIC_REAL_DATA build/identity.jsonl --draws 3 --processes 2
    python -m bench.identity show build/identity.jsonl --figures docs/figures

What is measured, and what came of it, is in docs/identity.md.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from bench.identity_draws import Source, Teller, draw
from bench.identity_ours import OURS
from bench.identity_rivals import RIVALS
from bench.identity_scores import Asked, Scores, scores
from bench.identity_sets import DESIGNS
from bench.identity_shown import learning_curves, table_of_fields, table_of_methods, table_of_settings
from cic.evaluation.drawing.drawing import draw as drawn

SEED = 1
TELLERS: dict[str, Sequence[Teller]] = {"rivals": RIVALS, "ours": OURS}
Record = dict[str, Any]


@lru_cache(maxsize=2)
def _read(name: str, folder: Path) -> Source:
    return DESIGNS[name].read(folder)


def measured(name: str, folder: Path, number: int, whose: Sequence[str]) -> list[Record]:
    """Let methods tell in all settings of one draw; give a record, as it is kept, for each setting and side."""
    warnings.filterwarnings("ignore", module="sklearn")  # of what does not converge, which the inner folds judge
    design, source, records = DESIGNS[name], _read(name, folder), []
    for setting, truth in draw(source, name, design.counts, number, SEED, elsewhere=design.elsewhere):
        for side in whose:
            hit, seconds = {}, {}
            for teller in TELLERS[side]:
                started = time.perf_counter()
                for method, told_T in teller(setting).items():
                    hit[method] = "".join("01"[int(right)] for right in told_T == truth.label_T)
                seconds[teller.__name__] = round(time.perf_counter() - started, 2)
            records.append({
                "setting": setting.name, "draw": number, "side": side, "hit": hit, "seconds": seconds,
                "label": truth.label_T.tolist(), "unit": truth.unit_T.tolist(),
            })  # fmt: skip
    return records


def scored(records: Sequence[Record]) -> tuple[dict[str, Scores], list[str]]:
    """Score every setting over the draws in which all of its methods told; give the names of our methods too."""
    hits: dict[str, dict[int, dict[str, np.ndarray]]] = defaultdict(lambda: defaultdict(dict))
    truth: dict[tuple[str, int], Record] = {}
    for one in records:
        truth[one["setting"], one["draw"]] = one
        hits[one["setting"]][one["draw"]] |= {
            method: np.array(list(said)) == "1" for method, said in one["hit"].items()
        }
    found = {}
    for setting, of_draw in hits.items():
        most = max(len(hit) for hit in of_draw.values())
        draws = [
            Asked(np.array(truth[setting, number]["label"]), np.array(truth[setting, number]["unit"]), hit)
            for number, hit in sorted(of_draw.items())
            if len(hit) == most
        ]
        found[setting] = scores(draws, SEED)
    ours = {method: None for one in records if one["side"] != "rivals" for method in one["hit"]}
    return found, list(ours)


def measure(options: argparse.Namespace) -> None:
    """Measure draw after draw, all sets in each, and keep what came of it as it comes."""
    jobs = list(product(range(options.first, options.first + options.draws), options.sets or DESIGNS))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(options.processes) as workers, options.output.open("a") as file:
        running = {
            workers.submit(measured, name, options.folder, number, options.whose or tuple(TELLERS)): name
            for number, name in jobs
        }
        for done in as_completed(running):
            records = done.result()
            file.writelines(json.dumps(one) + "\n" for one in records)
            file.flush()
            seconds = sum(sum(one["seconds"].values()) for one in records)
            Console(stderr=True).print(f"{running[done]}, draw {records[0]['draw']}: {seconds:.0f} s")


def show(options: argparse.Namespace) -> None:
    """Print the tables of what was measured, and draw the learning curves."""
    found, ours = scored([json.loads(line) for file in options.files for line in file.read_text().splitlines()])
    order = [f"{name}, {count or 'all'}" for name, design in DESIGNS.items() for count in design.counts]
    found = {name: found[name] for name in order if name in found}
    mine = options.of or ours[0]
    tables = (table_of_fields, table_of_settings, table_of_methods)
    print(*(table(found, ours, mine) for table in tables), sep="\n\n")
    if options.figures:
        drawn(options.figures, "identity", "learning curves", learning_curves(found, mine))


def main() -> None:
    """Parse, run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    measuring = verbs.add_parser("measure")
    measuring.set_defaults(run=measure)
    measuring.add_argument("folder", type=Path, help="the real data (that of CIC_REAL_DATA)")
    measuring.add_argument("output", type=Path, help="JSON lines, to which records are added")
    measuring.add_argument("--set", action="append", choices=DESIGNS, dest="sets")
    measuring.add_argument("--whose", action="append", choices=TELLERS)
    measuring.add_argument("--draws", type=int, default=3)
    measuring.add_argument("--first", type=int, default=0, help="number of the first draw")
    measuring.add_argument("--processes", type=int, default=1)
    showing = verbs.add_parser("show")
    showing.set_defaults(run=show)
    showing.add_argument("files", type=Path, nargs="+")
    showing.add_argument("--of", help="the method of ours that is compared; default the first")
    showing.add_argument("--figures", type=Path, help="folder to draw the learning curves into")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
