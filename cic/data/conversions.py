"""From the unit that a file has to one that profiles are kept in: FPKM and counts to TPM, other logarithms to log2.

Axes: S samples, G genes.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from cic.data.gene_lengths import lengths_of
from cic.data.sparse import Values, is_sparse, totals
from cic.data.terms import COUNT_UNITS, DeclaredUnit, Unit
from cic.data.unit_checks import BASES, check_unit
from cic.data.wide import Wide
from cic.errors import DataError

log = logging.getLogger("cic.data")


def converted(wide: Wide, unit: DeclaredUnit, lengths: Path | None, least: float, path: Path) -> tuple[Wide, Unit]:
    """Bring FPKM, and counts whose genes have lengths, to TPM, and logarithms to log2; anything else stays.

    TPM are FPKM, or counts over the length of their gene, that add up to a million in each sample (Li and Dewey 2011,
    BMC Bioinformatics 12:323). So the unit of the lengths does not matter.

    Parameters
    ----------
    lengths
        A table with the length of each gene.
    least
        Share of the genes that must have one. Others are left out.

    Raises
    ------
    DataError
        If values contradict their unit, a sample has none above 0, or too few genes have a length.
    """
    if lengths is not None and unit not in COUNT_UNITS:
        raise DataError(
            f"lengths of genes, and the unit `{unit}`", where="--lengths", expected=" or ".join(COUNT_UNITS),
            fix="leave --lengths out",
        )  # fmt: skip
    if unit not in ("fpkm", "ln", "log10") and lengths is None:
        return wide, unit  # type: ignore[return-value]
    check_unit(wide.values, unit, list(wide.rows), list(wide.columns), str(path))
    if unit == "fpkm":
        log.info("%s: FPKM, which add up to %s a sample, are brought to TPM", path, _range(totals(wide.values)))
        return replace(wide, values=_to_a_million(wide, path)), "tpm"
    if lengths is None:
        log.info("%s: `%s` are brought to log2", path, unit)
        return replace(wide, values=_times(wide.values, np.float64(np.log2(BASES[unit])))), "log2"
    return _by_lengths(wide, lengths, least, path), "tpm"


def _by_lengths(wide: Wide, lengths: Path, least: float, path: Path) -> Wide:
    length_G = lengths_of(wide.columns, lengths)
    known_G = np.isfinite(length_G)
    share = float(totals(wide.values[:, known_G]).sum() / totals(wide.values).sum())
    told = f"{int(known_G.sum())} of {len(known_G)} genes, with {share:.1%} of the counts, have a length in {lengths}"
    if not known_G.any() or known_G.mean() < least:
        lacking = ", ".join(np.array(wide.columns, dtype=object)[~known_G][:3])
        raise DataError(
            f"too few: {told}; without are such as {lacking}", where=str(path),
            expected=f"at least {least:.0%} with one", fix="see that the names are the same, or lower --least-mapped",
        )  # fmt: skip
    log.warning("%s: %s; the others are left out, and these brought to TPM", path, told)
    columns = [name for name, known in zip(wide.columns, known_G, strict=True) if known]
    about = None if wide.about_columns is None else wide.about_columns[known_G].reset_index(drop=True)
    kept = replace(wide, values=_times(wide.values[:, known_G], 1 / length_G[known_G]), columns=columns,
                   about_columns=about)  # fmt: skip
    return replace(kept, values=_to_a_million(kept, path))


def _to_a_million(wide: Wide, path: Path) -> Values:
    total_S = totals(wide.values)
    if (total_S <= 0).any():
        empty = wide.rows[int((total_S <= 0).argmax())]
        raise DataError(
            f"sample {empty} has no value above 0", where=str(path), expected="some in each", fix="leave it out"
        )
    return _times(wide.values, (1e6 / total_S)[:, None])


def _times(values_SG: Values, factor: np.ndarray | np.floating) -> Values:
    """Multiply in float64 and give float32, sparse as before."""
    if is_sparse(values_SG):
        return values_SG.astype(np.float64).multiply(factor).tocsr().astype(np.float32)
    return (values_SG * factor).astype(np.float32)


def _range(total_S: np.ndarray) -> str:
    return f"{total_S.min():.3g} to {total_S.max():.3g}"
