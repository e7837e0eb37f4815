"""From a run's forecasts to its money: what is played, and against whom, as the config asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from .markets import hidden_demand, hidden_periods
from .money import Blending, Drawn, Plan, Questions, Versus, clustering, judge
from .policies import policies_of
from .simulate import Sampling, kpi_table
from .simulate.books import scored_of
from .simulate.dense import predictions

if TYPE_CHECKING:
    from .money import Money
    from .pipeline import Session
    from .simulate import Market


def simulated(session: Session) -> Money:
    """Play the forecasts of a run; see `money.judge`."""
    run, market = session.run, session.market
    paths = run.read("paths") if run.has("paths") else None
    models = predictions(
        run.read("forecasts"), session.windows, market.unique_ids, models=tuple(session.config.forecasters), paths=paths
    )
    return judge(market, models, plan_of(session, market), versus_of(session, market), session.on("simulate"))


def kpis_by_group(session: Session, result: Money) -> pd.DataFrame:
    """Key figures of each model by SKU, by period and by every static column of scores and clusters.

    Returns model, axis, group, n_series and the figures of `simulate.KPIS`; money and units are per week of the whole
    play, so that the groups of an axis add up to the model's.
    """
    config, history = session.config, session.inputs.history
    named = (*config.score.by, *versus_of(session, session.market).cluster_columns)
    columns = tuple(dict.fromkeys(name for name in named if name in history.static.columns))
    scored = scored_of(result.judged.governing, session.market.conventions)
    weeks = float(scored.sum(axis=1).mean()) / history.periods_per_week
    tables = []
    for model, ledger in result.ledgers.items():
        static = history.static.reindex(ledger.unique_ids)
        axes = {"unique_id": ledger.unique_ids, "ds": ledger.dates.strftime("%Y-%m-%d").to_numpy()[None]}
        axes |= {name: static[name].astype(str).to_numpy() for name in columns}
        for axis, groups in axes.items():
            table = kpi_table(ledger, groups, days_per_period=7.0 / history.periods_per_week, weeks=weeks)
            tables.append(table.reset_index().assign(model=model, axis=axis))
    every = pd.concat(tables, ignore_index=True).astype({"group": str})
    return every[["model", "axis", *(name for name in every.columns if name not in {"model", "axis"})]]


def plan_of(session: Session, market: Market) -> Plan:
    """What is played."""
    config, inputs = session.config, session.inputs
    simulate, state = config.simulate, inputs.state
    masked = simulate.hidden_demand == "masked" and inputs.demand is None
    return Plan(
        windows=session.windows,
        policies=policies_of(simulate.policies, folder=session.base),
        judged=simulate.judged,
        state=None if state is None else state.dense(market.unique_ids),
        cover=simulate.initial_cover,
        sampling=Sampling(simulate.scenarios, simulate.tails),
        seed=config.seed,
        masked=hidden_periods(inputs.history) if masked else None,
        questions=questions_of(session),
    )


def questions_of(session: Session) -> Questions:
    """What is asked beside who earns more."""
    config = session.config
    simulate = config.simulate
    accuracy, drawn = simulate.accuracy, simulate.drawn
    return Questions(
        waterfall=True,
        worst=simulate.worst,
        accuracy=None if accuracy is None else Blending(accuracy.models, accuracy.shares),
        hidden_demand=hidden_demand(config, session.inputs, simulate.bounds),
        drawn=None if drawn is None else Drawn(
            drawn.model, drawn.paths, drawn.together, simulate.initial_cover, config.backtest.workers
        ),
    )  # fmt: skip


def versus_of(session: Session, market: Market) -> Versus:
    """How models are compared."""
    compare, history = session.config.compare, session.inputs.history
    grouped = clustering(history.static, compare.clusters)
    return Versus(
        incumbent=compare.incumbent,
        confidence=compare.confidence,
        clusters=grouped.codes,
        block=compare.block,
        trending=session.trending,
        per_week=history.periods_per_week / market.step,
        cluster_columns=grouped.columns,
        cluster_names=grouped.names,
    )
