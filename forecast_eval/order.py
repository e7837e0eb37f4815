"""The orders to place now: what a planner does every week."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Fault, InputError, RollingWindows, backtest, with_members
from backtest.faults import refuse

from .build import policies_of, settings_of, step_of, windows_of
from .config import PeriodsOfSupplySpec, resolved_path
from .forecasters import forecasters_of
from .layout import open_mapped, with_unique_id
from .markets import market_of
from .simulate import Rule, Sampling, outlooks, play
from .simulate.dense import predictions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .config import Config, Data
    from .read import Inputs
    from .simulate import Policy


def orders(
    config: Config,
    inputs: Inputs,
    base: Path,
    *,
    units: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Orders to place at the end of the history, one row a series in the order of `inputs.history.unique_ids`.

    The model and setting of `config.order` are used (by default the incumbent at the critical ratio);
    its errors over the last `config.order.windows` cutoffs give the distribution of demand. A series that is no
    longer on sale at the end of the history is not ordered.

    Returns
    -------
    unique_id, order [units], order_up_to (missing for policies without a level), on_hand, in_transit.

    Raises InputError where there is no state, or the history is too short.
    """
    if inputs.state is None:
        raise InputError([Fault("no-state", "stock on hand and in transit is not given", "data.state",
                                "give it in the config or with --state")])  # fmt: skip
    name, policy = config.order.model or config.compare.incumbent, _policy(config, base)
    market = market_of(config, inputs)
    market.needs_horizon(config.backtest.horizon)
    earlier, now = _windows(config, inputs)
    forecaster = with_members(forecasters_of(config, base, history=inputs.history, economics=inputs.economics), name)
    settings = replace(settings_of(config.backtest, config.seed, units), on_failure="stop", fallback=None)
    made = [
        backtest(inputs.history, forecaster, windows=spans, settings=settings, progress=progress)
        for spans in (earlier, now)
    ]
    windows = (*earlier.over(inputs.history.calendar), *now.over(inputs.history.calendar))
    forecasts = pd.concat([each.forecasts for each in made])
    courses = [each.paths for each in made if each.paths is not None]
    paths = pd.concat(courses) if courses else None
    model = predictions(forecasts, windows, market.unique_ids, models=(name,), paths=paths)[name]
    sampling = Sampling(config.simulate.scenarios, config.simulate.tails)
    found = outlooks(market, model, windows, sampling=sampling, seed=config.seed)
    _, outlook = next(iter(found.at(len(windows) - 1)))
    start, everyone = inputs.state.dense(market.unique_ids), np.arange(len(market.unique_ids))
    rule = policy.rule(outlook)
    # the kernel orders, so that a plan and its simulation cannot differ; today's orders come before any demand
    flows = play(market.system(everyone, start), np.zeros((len(everyone), 1)), {0: rule})
    return pd.DataFrame(
        {
            "unique_id": market.unique_ids,
            "order": flows.ordered[:, 0],
            "order_up_to": np.nan_to_num(rule.order_up_to) if isinstance(rule, Rule) else np.nan,
            "on_hand": start.on_hand,
            "in_transit": start.in_transit.sum(axis=1),
        }
    )


def _policy(config: Config, base: Path) -> Policy:
    """Find the policy that orders, before anything runs."""
    spec, horizon = config.order.policy, config.backtest.horizon
    longest = max(spec.periods) if isinstance(spec, PeriodsOfSupplySpec) else 0
    if longest > horizon:
        what = f"{longest} periods of supply are more than horizon={horizon}"
        raise InputError([Fault("horizon-too-short", what, "order.policy", "lower periods, or raise backtest.horizon")])
    (policy,) = policies_of([spec], folder=base, place="order.policy")
    return policy


def replaced(data: Data, *, history: Path | None, in_stock: Path | None, state: Path | None) -> Data:
    """Data section with some of its files replaced by newer ones, in the same layout and with the same columns.

    Raises InputError where the config says nothing of a file that is given: its columns are not known then.
    """
    newer = {"history": history, "in_stock": in_stock, "state": state}
    given = {name: path.resolve() for name, path in newer.items() if path is not None}
    refuse([
        Fault("missing-key", f"--{name.replace('_', '-')} is given, and the config does not say how to read it",
              f"data.{name}", "add its section with path and columns")
        for name in given if getattr(data, name) is None
    ])  # fmt: skip
    # an absolute path is not taken relative to data.root
    changed = {name: getattr(data, name).model_copy(update={"path": str(path)}) for name, path in given.items()}
    return data.model_copy(update=changed)


def _windows(config: Config, inputs: Inputs) -> tuple[RollingWindows, RollingWindows]:
    """Earlier cutoffs, whose horizon is over and which teach the errors, and the one at the end of the history.

    The model is fitted anew at the last one, whatever `refit` says.
    """
    spec, calendar = config.backtest, inputs.history.calendar
    step = step_of(spec, inputs.history)
    earlier = replace(windows_of(spec), step=step, n_windows=config.order.windows, last_cutoff=None, cutoffs=())
    return earlier, replace(earlier, n_windows=1, last_cutoff=calendar[-1])


def order_file(table: pd.DataFrame, config: Config, inputs: Inputs, base: Path) -> pd.DataFrame:
    """Orders in the user's own columns, or with the rows and columns of the template file of the config.

    Raises InputError where the template names a series that has no order, or misses one that has.
    """
    amounts = table.set_index("unique_id")["order"]
    whole = amounts.astype(np.int64) if bool((amounts % 1 == 0).all()) else amounts
    if config.order.template is None:
        own = inputs.ids.reindex(table["unique_id"]).reset_index(drop=True)
        return own.assign(order=whole.to_numpy())
    path = resolved_path(config.order.template.path, config.data.root, base)
    file = with_unique_id(open_mapped(path, {}), config.data.id)
    refuse(file.faults)
    ids = file.frame["unique_id"].to_numpy()
    template = file.frame if "unique_id" in config.data.id else file.frame.drop(columns="unique_id")
    faults = [
        Fault(
            "template",
            f"unique_id={uid!r} is {words}",
            config.order.template.path,
            "give the file of this history",
        )
        for words, odd in (
            ("not in the history", np.setdiff1d(ids, amounts.index)),
            ("not in the template", np.setdiff1d(amounts.index, ids)),
        )
        for uid in odd
    ]
    if faults:
        raise InputError(faults)
    return template.assign(**{config.order.template.column: whole.reindex(ids).to_numpy()})
