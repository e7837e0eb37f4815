"""Data in: from files or from a synthetic market, with every fault of every file reported at once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pandera.pandas as pa

from backtest import History
from backtest.columns import nixtla_models
from backtest.faults import Fault, InputError, attempt, nearest, refuse
from backtest.frames import forecasts_of
from backtest.schemas import HISTORY, NUMBER, at_least_zero, checked, column, duplicate_faults, finite

from .config import resolved_path
from .economics import Economics
from .layout import open_mapped, with_unique_id
from .panel import read_demand, read_history, read_panel
from .periods import read_calendar
from .places import Places
from .simulate.system import Start
from .terms import late_prices, read_economics

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from backtest.faults import Origin

    from .config import Data, FileSpec, StateTable, World
    from .files import File
    from .world import MarketSpec
    from .world import State as WorldState


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Stock at a moment, in units.

    on_hand : by unique_id.
    in_transit : indexed by unique_id; columns 1..n are the periods until it can be sold.
    warnings : faults that do not stop the work.
    """

    on_hand: pd.Series[float]
    in_transit: pd.DataFrame
    warnings: tuple[Fault, ...] = ()

    def dense(self, unique_ids: NDArray[np.object_]) -> Start:
        """Units on hand [series] and in transit [series, period], in the order of the series."""
        on_hand = self.on_hand.reindex(unique_ids).to_numpy(dtype=float)
        return Start(np.asarray(on_hand), self.in_transit.reindex(unique_ids).to_numpy(dtype=float))


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """All that a run reads.

    demand : unique_id, ds, demand: the truth for every row of the history, where it is known from elsewhere.
    state : stock to start from, or None.
    ids : the id columns as in the files, indexed by unique_id, to write files in the user's own columns.
    warnings : faults that do not stop the work; those of `forecast_eval.quality` too, once they have been judged.
    places : where the values of the history stand in their files.
    """

    history: History
    economics: Economics
    demand: pd.DataFrame | None
    state: State | None
    ids: pd.DataFrame
    warnings: tuple[Fault, ...]
    places: Places = field(default_factory=partial(Places, "history"))


def read_inputs(data: Data, base: Path, seed: int) -> Inputs:
    """Read every file that the config names, or make the market that it describes.

    base : folder of the config, to which `data.root` is relative.
    seed : of the market.

    Raises InputError with the faults of all files.
    """
    if data.world is not None:
        return _from_world(data, data.world, seed)
    faults: list[Fault] = []
    panel = attempt(lambda: read_panel(data, base), faults)
    # without a panel the other files are still checked, each by itself
    history, ids, places = panel or (
        None,
        pd.DataFrame(columns=list(data.id), index=pd.Index([], name="unique_id", dtype=object), dtype=object),
        Places("history"),
    )
    demand = attempt(lambda: read_demand(data, base, history), faults)
    economics = attempt(lambda: _economics(data, base, ids, history), faults)
    state = attempt(lambda: _state(data, base, ids), faults)
    refuse(faults)
    assert history is not None
    assert economics is not None
    warnings = (*history.warnings, *economics.warnings, *(() if state is None else state.warnings))
    return Inputs(history, economics, demand, state, ids, warnings, places)


def read_state(spec: StateTable, path: Path, ids: pd.DataFrame) -> State:
    """Read stock on hand and in transit of every series.

    ids : id columns, indexed by unique_id, as `read_history` gives them.

    Raises InputError with every fault: missing column, not a number, negative stock, a series without a row
    or with two. Rows of series that are not in `ids` are left out with a warning.
    """
    file = with_unique_id(open_mapped(path, {}), list(ids.columns))
    transit = {f"in_transit_{k}": name for k, name in enumerate(spec.in_transit, start=1)}
    names = {"on_hand": spec.on_hand, **transit}
    lacking = file.lacking(names.values())
    if lacking:
        raise InputError([*file.faults, *lacking])
    frame = file.frame[["unique_id"]].assign(**{ours: file.frame[theirs] for ours, theirs in names.items()})
    stock = column(NUMBER, at_least_zero("negative-stock", "stock is what lies there: book debts elsewhere"), finite())
    schema = pa.DataFrameSchema({"unique_id": HISTORY.columns["unique_id"], **dict.fromkeys(names, stock)})
    origin = replace(file.origin, names=(*file.names, *names.items()))
    table, faults = checked(frame, schema, origin)
    faults += duplicate_faults(table, ["unique_id"], origin)
    warnings = refuse([*file.faults, *faults, *_series_faults(table, file, ids)])
    by_series = table.set_index("unique_id").reindex(ids.index)
    in_transit = by_series[list(transit)].set_axis(range(1, len(transit) + 1), axis=1)
    return State(by_series["on_hand"], in_transit, warnings)


def _series_faults(table: pd.DataFrame, file: File, ids: pd.DataFrame) -> list[Fault]:
    given = pd.Index(table["unique_id"].unique())
    spare = [] if ids.empty else sorted(given.difference(ids.index))
    return [
        Fault("no-state", f"unique_id={uid!r} of the history has no stock", file.source, "add its row")
        for uid in ids.index.difference(given)
    ] + [
        Fault("unused-rows", f"unique_id={uid!r} is not in the history; {nearest(uid, ids.index)}",
              file.source, "its row is left out", "warning")
        for uid in spare
    ]  # fmt: skip


def read_forecasts(spec: FileSpec, data: Data, base: Path) -> tuple[pd.DataFrame, Origin]:
    """Read the forecasts of one model, in our contract or in Nixtla's wide columns.

    Raises InputError with every fault that `backtest.forecasts_of` finds, or for a model that is not there.
    """
    path = resolved_path(spec.path, data.root, base)
    file = with_unique_id(open_mapped(path, spec.columns, data.id), data.id)
    frame = file.frame.drop(columns=[name for name in data.id if name != "unique_id"])
    contract = {"model", "forecast"} & set(frame.columns)
    named = {} if contract else nixtla_models(list(frame.columns))
    if spec.model in named:  # a column that is no forecast is none of its business
        frame = frame[[c for c in frame if c in ("unique_id", "ds", "cutoff", *named[spec.model].values())]]
    faults = list(file.faults)
    origin = file.origin
    if spec.model is not None and "model" in frame:  # what is wrong with the other models is none of its business
        mine = (frame["model"].astype(str) == spec.model).to_numpy()
        if mine.any():
            frame, origin = frame[mine].dropna(axis=1, how="all"), origin.where(mine)
    name = spec.model or path.name.split(".")[0]
    long = attempt(lambda: forecasts_of(frame, model=name, origin=origin), faults)
    refuse(faults)
    assert long is not None
    models = sorted(long["model"].unique())
    wanted = models[0] if spec.model is None else spec.model
    if wanted not in models or (spec.model is None and len(models) > 1):
        what = f"model {wanted!r} is not in it" if spec.model else f"it has {len(models)} models and none is chosen"
        fix = nearest(wanted, models) if spec.model else f"give model, one of: {', '.join(models)}"
        raise InputError([Fault("unknown-model", what, file.source, fix)])
    return long[long["model"] == wanted].dropna(axis=1, how="all").reset_index(drop=True), file.origin


def _economics(data: Data, base: Path, ids: pd.DataFrame, history: History | None) -> Economics:
    spec = data.economics
    if spec is None:
        fault = Fault("missing-key", "there are no economics", "data.economics", "give a path or values")
        raise InputError([fault])
    path = None if spec.path is None else resolved_path(spec.path, data.root, base)
    static = None if history is None else history.static
    terms = read_economics(spec, path, ids=ids, static=static, calendar=read_calendar(data, base))
    if history is None or path is None:
        return terms
    starts = history.frame.drop_duplicates("unique_id").set_index("unique_id")["ds"]
    return replace(terms, warnings=(*terms.warnings, *late_prices(terms, starts, path.name)))


def _state(data: Data, base: Path, ids: pd.DataFrame) -> State | None:
    if data.state is None:
        return None
    return read_state(data.state, resolved_path(data.state.path, data.root, base), ids)


def _from_world(data: Data, world: World, seed: int) -> Inputs:
    from .world import Market

    beside = [
        name
        for name in ("calendar", "covariates", "in_stock", "static", "demand", "economics", "state")
        if getattr(data, name)
    ]
    faults: list[Fault] = []
    state = attempt(lambda: world_of(world, seed), faults)
    refuse([
        *faults,
        *(Fault("given-twice", f"a world brings its own {name}", f"data.{name}", "leave it out") for name in beside),
    ])  # fmt: skip
    assert state is not None
    market = Market.of(state)
    static = market.static if world.truth else market.static.drop(columns="kind")
    history = History.of(market.history, freq=data.freq, static=static, known_future=data.known_future)
    economics = Economics.of(market.economics)
    uids = history.static.index
    ids = pd.DataFrame({"unique_id": uids}, index=uids)
    warnings = (*history.warnings, *economics.warnings)
    truth = market.demand if world.truth else None
    return Inputs(history, replace(economics, source="the world"), truth, None, ids, warnings,
                  Places("the world"))  # fmt: skip


def world_of(world: World, seed: int) -> WorldState:
    """Give the market of a config after the weeks of its history, planned by the world's own incumbent.

    Raises InputError for knobs that a market does not have, or cannot have.
    """
    from .world import with_incumbent

    spec = spec_of(world)
    return with_incumbent(replace(spec, weeks=spec.weeks + world.ahead), seed, spec.weeks)


def spec_of(world: World) -> MarketSpec:
    """Size and behaviour of the market of a config, without the weeks ahead.

    Raises InputError for knobs that a market does not have, or cannot have.
    """
    from .world import MarketSpec

    knobs = dict(world.model_extra or {})
    preset = knobs.pop("preset", None)
    known = [item.name for item in fields(MarketSpec)]
    refuse([
        Fault("unknown-key", f"unknown knob {name!r}", f"data.world.{name}",
              nearest(name, [*known, "preset", "ahead", "truth"]))
        for name in knobs if name not in known
    ])  # fmt: skip
    try:
        return MarketSpec(**knobs) if preset is None else MarketSpec.preset(str(preset), **knobs)
    except InputError as error:  # its faults say market.stores where a config says data.world.stores
        own = [replace(f, place=f.place.replace("market", "data.world", 1)) for f in error.faults]
        raise InputError(own) from error


__all__ = [
    "Inputs", "State", "read_economics", "read_forecasts", "read_history", "read_inputs", "read_state", "spec_of",
    "world_of",
]  # fmt: skip
