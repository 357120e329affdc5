"""The checks before training: one look at everything, what it found, and what of that stops a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cic.checking.about_profiles import (
    about_components,
    about_library,
    about_neighbours,
    about_replicates,
    about_sexes,
)
from cic.checking.about_table import about_groups, about_ids, about_labels, about_missing, about_values
from cic.checking.finding import Finding, worst_first
from cic.checking.library import library_of
from cic.checking.looked_at import Components, components_of, without_gaps
from cic.checking.musts import musts
from cic.checking.neighbours import Neighbours, Replicates, neighbours_of, replicates_of
from cic.checking.sexes import Sexes, sexes_of
from cic.config import Params
from cic.data.checks import facts_of
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError


@dataclass(frozen=True)
class Checked:
    """What the checks looked at and found.

    Attributes
    ----------
    facts
        From `cic.data.checks.facts_of`.
    findings
        The worst first.
    library, roles
        Of every profile: from `cic.checking.library.library_of`, and the columns label, group and replicate.
    samples
        These columns of the profiles that could be compared, which the positions in what follows are of: those that
        hold more than one value.
    components, neighbours, replicates, sexes
        What comparing them showed; `None` where there was nothing to compare.
    """

    facts: dict[str, Any]
    findings: tuple[Finding, ...]
    library: pd.DataFrame
    roles: pd.DataFrame
    samples: pd.DataFrame
    components: Components | None
    neighbours: Neighbours | None
    replicates: Replicates | None
    sexes: Sexes | None

    @property
    def stops(self) -> tuple[Finding, ...]:
        """What stops a run."""
        return tuple(one for one in self.findings if one.level == "must")

    @property
    def verdict(self) -> str:
        """Whether these profiles can be trained on, in a sentence."""
        if self.stops:
            return f"These profiles cannot be trained on: {'; '.join(one.message for one in self.stops)}."
        n = sum(one.level == "warn" for one in self.findings)
        if not n:
            return "These profiles can be trained on, and nothing speaks against it."
        return f"These profiles can be trained on; {n} thing{'s' * (n != 1)} deserve{'s' * (n == 1)} a look before."

    def to_json(self) -> dict[str, Any]:
        """Give facts and findings as plain JSON: `checks.json`, whose keys docs/data.md lists."""
        return {**self.facts, "findings": [one.to_json() for one in self.findings]}


def check(matrix: ExpressionMatrix, params: Params, others: pd.DataFrame | None = None) -> Checked:
    """Look at profiles as a run with these parameters would take them.

    Parameters
    ----------
    matrix
        With the columns `label`, `group` and `replicate` as far as there are any.
    others
        Sample columns that play no role, in the order of `matrix`: one of them may be a batch, or the sex.
    """
    facts, library = facts_of(matrix, others), library_of(matrix)
    samples = matrix.samples
    findings = [
        *musts(matrix, params, facts, library),
        *about_labels(samples, facts),
        *about_groups(samples, params, facts),
        *about_values(matrix, facts),
        *about_missing(params, facts),
        *about_ids(samples),
        *about_library(library, samples, matrix.unit),
    ]
    whole_S = ~library["flat"].to_numpy()
    if not whole_S.any():
        return Checked(facts, worst_first(findings), library, samples, samples[whole_S], None, None, None, None)
    some = without_gaps(matrix if whole_S.all() else matrix.select(whole_S))
    components = components_of(some, params.seed)
    neighbours = neighbours_of(some, params.split, params.seed)
    replicates = replicates_of(some, params.seed)
    sexes = sexes_of(some, None if others is None else others[whole_S])
    looks: tuple[tuple[Any, Callable[[Any, pd.DataFrame], list[Finding]]], ...] = (
        (neighbours, about_neighbours),
        (replicates, about_replicates),
        (sexes, about_sexes),
        (components, about_components),
    )
    findings += [one for what, about in looks if what is not None for one in about(what, some.samples)]
    seen = (components, neighbours, replicates, sexes)
    return Checked(facts, worst_first(findings), library, samples, some.samples, *seen)


def refuse(checked: Checked, where: str, page: str) -> None:
    """Stop here if anything that was found makes a run impossible or worthless.

    Raises
    ------
    DataError
        Naming all of it at once.
    """
    if not checked.stops:
        return
    n = len(checked.stops)
    raise DataError(
        f"these profiles cannot be trained on, for {n} reason{'s' * (n != 1)}: "
        + "; ".join(one.message for one in checked.stops),
        where=where,
        fix="; ".join(one.fix for one in checked.stops) + f". All that was found: {page}",
    )
