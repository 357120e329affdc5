"""What any textbook expects of cell types, and where gene sets are high among them by their links with axes.

Axes: S profiles, L labels, W axes (numbers of a code, or features), P gene sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

EXPECTED = (
    ("liver|hepat", "BILE ACID"),
    ("liver|hepat", "COAGULATION|CLOTTING|FIBRIN"),
    ("liver|hepat", "XENOBIOTIC|BIOLOGICAL OXIDATIONS"),
    ("brain|neuro|cortex|cerebel|glio", "NEURONAL SYSTEM"),
    ("brain|neuro|cortex|cerebel|glio", "SYNAPSE|SYNAPTIC"),
    ("blood(?! vessel)|leuk|lymph|spleen|immun|pbmc", "INTERFERON"),
    ("blood(?! vessel)|leuk|lymph|spleen|immun|pbmc", "ALLOGRAFT|IMMUNOREGULATORY|INFLAMMATORY RESPONSE"),
    ("pancrea", "PANCREAS BETA CELLS|INSULIN SECRETION"),
    ("muscle|heart|cardi", "MYOGENESIS|MUSCLE CONTRACTION"),
    ("adipose|fat(?!i)", "ADIPOGENESIS|FATTY ACID METABOLISM"),
    ("testis", "SPERMATOGENESIS|MEIOSIS|MEIOTIC"),
    ("skin|esophag|oesophag|kerat", "KERATIN"),
    ("breast|uter|ovar", "ESTROGEN RESPONSE"),
    ("prostat", "ANDROGEN RESPONSE"),
    ("lung", "SURFACTANT"),
    ("adrenal", "STEROID"),
    ("^blood$|spleen", "INNATE IMMUNE SYSTEM|ADAPTIVE IMMUNE SYSTEM"),
    ("^blood$|spleen", "CYTOKINE SIGNALING IN IMMUNE SYSTEM"),
    ("adipose", "METABOLISM OF LIPIDS"),
    (r"^b$|\bb cells?$", r"B CELL RECEPTOR|\(BCR\)"),
    (r"\bt\b|\bt cells?$", r"TCR SIGNALING|\(TCR\) SIGNALING|TCR ZETA CHAINS"),
    ("mono", "TOLL.?LIKE RECEPTOR|NEUTROPHIL DEGRANULATION"),
    ("mono", "HALLMARK INFLAMMATORY RESPONSE"),
    ("fcgr3a|cd16", "FCGR|FCGAMMA RECEPTOR"),
    (r"\bdc\b|dendritic", "MHC CLASS II ANTIGEN PRESENTATION"),
    ("platelet|megakaryo", "PLATELET ACTIVATION|PLATELET DEGRANULATION|PLATELET AGGREGATION"),
    ("platelet|megakaryo", "^HEMOSTASIS$"),
)
"""What any textbook expects to be high: a pattern of the label, and one of the names of sets (upper case, spaces)."""


@dataclass(frozen=True)
class Activities:
    """How high each set is in each label, through links of numbers with sets.

    Attributes
    ----------
    position_LW
        Where each label stands on each number: its mean code less the mean over labels, in standard deviations of the
        profiles, so that numbers which hardly differ between labels have no say.
    activity_LP
        Positions times the z of the linked sets' rank sums, summed over the numbers. Enrichment scores, which are made
        independent of the size of a set, would let the smallest sets decide.
    """

    labels: tuple[str, ...]
    position_LW: np.ndarray
    activity_LP: np.ndarray


def activities(code_SW: np.ndarray, label_S: pd.Series, score_PW: np.ndarray, found_PW: np.ndarray) -> Activities:
    """Give the activity of each set in each label from the codes of labelled profiles and the links that were found."""
    known = pd.DataFrame(code_SW.astype(np.float64), index=label_S.astype("object")).loc[label_S.notna().to_numpy()]
    means = known.groupby(level=0, sort=True).mean()
    spread_W = known.std(axis=0, ddof=0)
    position_LW = ((means - means.mean(axis=0)) / spread_W.where(spread_W > 0, 1.0)).to_numpy()
    activity_LP = position_LW @ np.where(found_PW, score_PW, 0.0).T
    return Activities(tuple(str(label) for label in means.index), position_LW, activity_LP)


def applicable(names: Sequence[str], labels: Sequence[str]) -> Iterator[tuple[str, np.ndarray, list[int]]]:
    """Give of `EXPECTED` what there are sets and labels for: the pattern, which sets fit, and which labels."""
    spoken = [spaced(name).upper() for name in names]
    for label_pattern, set_pattern in EXPECTED:
        fitting = np.array([at for at, name in enumerate(spoken) if re.search(set_pattern, name)], dtype=np.int64)
        expected_of = [at for at, label in enumerate(labels) if re.search(label_pattern, label.lower())]
        if len(fitting) and expected_of:
            yield set_pattern, fitting, expected_of


def counted(names: Sequence[str], own: Activities) -> tuple[int, int]:
    """Give how many of what is expected is found, and how many it is looked for; found means as in `highest`."""
    found = [
        highest(own.activity_LP[:, fitting].mean(axis=1), len(expected_of))[expected_of]
        for _, fitting, expected_of in applicable(names, own.labels)
    ]
    return sum(int(one.sum()) for one in found), sum(map(len, found))


def highest(activity_L: np.ndarray, most: int) -> np.ndarray:
    """Tell which labels are among the `most` highest, and above 0."""
    return ((activity_L[:, None] < activity_L).sum(axis=1) < most) & (activity_L > 0)


def spaced(name: str) -> str:
    """Give a set's name with spaces for underscores."""
    return name.replace("_", " ")
