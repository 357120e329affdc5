"""How often a check of scored profiles finds drift: in test parts, where there is none, and in profiles from elsewhere.

    python -m bench.watching $CIC_REAL_DATA --seeds 20

For each set and split seed a network is trained as `bench.foreign` does, and asked by the check of `cic monitor` about
the test part, about its natural logarithms, and about other sets. See docs/monitoring.md.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from bench.foreign import ELSEWHERE, trained
from bench.foreign_sets import over, profile_sets
from cic.data.matrix import ExpressionMatrix
from cic.model.bundle import Bundle
from cic.using import Model
from cic.watching.monitoring import Checked, check
from cic.watching.window import Window

SETS = ("tcga", "gtex26", "celseq2", "pbmc3k", "rnamix")


def checked(bundle: Bundle, asked: ExpressionMatrix, values_SG: np.ndarray, group: str | None = None) -> Checked:
    """Check profiles, as if all had been scored at once."""
    scored = Model(bundle, "bench").encode(pd.DataFrame(values_SG, asked.samples.index, list(asked.genes)))
    scored = scored.assign(input="bench", at=pd.Timestamp("2026-01-01", tz="UTC"))
    if group:
        scored["group"] = asked.samples[group]
    return check("bench", bundle.reference, Window(scored, scored.iloc[:0], "all profiles"))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Give the share of splits in which drift is found, and the p-values at their median."""
    of_case = table.groupby(["model", "asked"], sort=False)
    found = of_case[["n", "held_out", "drift"]].mean().join(of_case[["error", "unknown"]].median().add_prefix("p_"))
    return found.join(of_case.size().rename("splits"))


def main() -> None:
    """Train, check, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=20, help="splits")
    parser.add_argument("--only", action="append", help="sets whose models are asked; default all")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    sets = profile_sets(options.folder)
    for name in options.only or SETS:
        rows = []
        for seed in range(1, options.seeds + 1):
            bundle, _, test = trained(sets[name], seed)
            cases = {"its test part": checked(bundle, test, test.values)}
            if "replicate" in test.samples:
                cases["its test part, by replicate set"] = checked(bundle, test, test.values, "replicate")
            if name == "gtex26":  # the values of `tcga` are refused: they add up to a million by the right base
                cases["natural logarithms"] = checked(bundle, test, test.values * np.float32(np.log(2)))
            for other in ELSEWHERE.get(name, ()) if seed <= 2 else ():
                genes = [gene for gene in sets[name].genes if gene in set(sets[other].genes)]
                of_both, *_ = trained(over(sets[name], genes), seed)
                asked = over(sets[other], genes)
                cases[other] = checked(of_both, asked, asked.values)
            for case, found in cases.items():
                p = {one.topic: one.p for one in found.tests if one.p is not None}
                drift = float(bool(found.drifted))
                n = len(found.window.now)
                rows.append({"model": name, "asked": case, "n": n, "held_out": found.held_out, "drift": drift, **p})
        print(summary(pd.DataFrame(rows)).to_string(float_format="{:.3g}".format), flush=True)


if __name__ == "__main__":
    main()
