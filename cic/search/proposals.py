"""What a round's trials try: a pure function of the seed, the trial numbers and the earlier rounds' records.

Optuna is asked through a study in memory that is made afresh for every round, from records. Nothing else is
carried from round to round, so a search that was interrupted goes on exactly as it would have.

That study minimises a trial's rank among those of its own width, from 0 (the best) to 1. Errors at different widths
do not compare, nor do their ratios to PCA, which are always lowest at the narrowest; ranks let every width teach
the others what learning rate, noise and decay do.
"""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState
from scipy import stats

from cic.model.training import Hyperparameters
from cic.search.records import Record
from cic.search.space import Space, Value
from cic.seeds import derive_seed


def propose(space: Space, seed: int, numbers: Sequence[int], records: Sequence[Record]) -> list[Hyperparameters]:
    """Give what each trial of a round tries.

    Parameters
    ----------
    seed
        The root seed. Every trial number has a sampler of its own, seeded from it.
    numbers
        The trial numbers of the round, ascending.
    records
        Trials of earlier rounds only.
    """
    mirror = ranked_study(space, records)
    return [_propose_one(space, seed, number, mirror) for number in numbers]


def ranked_study(space: Space, records: Sequence[Record]) -> optuna.Study:
    """Give a study in memory whose values are ranks within a width; depth 0 is left out, having nothing to tune."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mirror = optuna.create_study(direction="minimize", storage=optuna.storages.InMemoryStorage())
    tuned = [record for record in records if record.hyper.depth > 0]
    ranks = _ranks_within_width(tuned)
    for record in tuned:
        mirror.add_trial(_ranked_trial(space, record, ranks.get(record.number)))
    return mirror


def _ranks_within_width(records: Sequence[Record]) -> dict[int, float]:
    complete: dict[int, list[Record]] = {}
    for record in records:
        if record.state == "complete":
            complete.setdefault(record.hyper.bottleneck_width, []).append(record)
    ranks = {}
    for peers in complete.values():
        # equals share their mean rank: where no trial beats PCA, none is better than another
        shared = (stats.rankdata([record.score for record in peers]) - 0.5) / len(peers)
        ranks.update({record.number: float(rank) for record, rank in zip(peers, shared, strict=True)})
    return ranks


def _ranked_trial(space: Space, record: Record, rank: float | None) -> FrozenTrial:
    # without a value Optuna takes a pruned trial as bad, the worse the earlier it stopped; so a failed one is too
    return optuna.create_trial(
        state=TrialState.PRUNED if rank is None else TrialState.COMPLETE,
        value=rank,
        params={parameter.name: getattr(record.hyper, parameter.name) for parameter in space.suggested},
        distributions={parameter.name: parameter.distribution() for parameter in space.suggested},
        intermediate_values=dict(record.ratios_at_rungs) if rank is None and record.state == "pruned" else {},
    )


def _propose_one(space: Space, seed: int, number: int, mirror: optuna.Study) -> Hyperparameters:
    place = space.place(number)
    values: dict[str, Value]
    if place.kind in ("pca", "centre"):
        values = space.centre()
    elif place.kind == "spread":
        values = space.spread(number, seed)
    else:
        # constant_liar: the trials of this round asked so far count as bad, which keeps a round from repeating itself
        sampler_seed = derive_seed(seed, "search", "sampler", number)
        mirror.sampler = optuna.samplers.TPESampler(
            seed=sampler_seed, multivariate=True, constant_liar=True, n_startup_trials=1
        )
        asked = mirror.ask({parameter.name: parameter.distribution() for parameter in space.suggested})
        values = space.used(asked.params)
    if place.depth is not None:
        values = {**values, "depth": place.depth}
    return Hyperparameters.model_validate({"bottleneck_width": place.width, **values})
