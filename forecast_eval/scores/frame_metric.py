"""Metrics of utilsforecast as they are: functions of a frame and the columns of the models in it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from .external import Code, asked, fault, refuse_params
from .statistics import LATITUDE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .measures import Over, Per
    from .observations import Cells, Observations

    Floats = NDArray[np.float64]
    Marks = NDArray[np.bool_]

MODEL = "forecast"
"""Column of the model that is measured."""
BASELINE = "baseline"
OURS = ("df", "models", "train_df", "id_col", "target_col", "time_col", "cutoff_col")
Shape = Literal["model", "quantile", "quantiles"]


@dataclass(frozen=True, slots=True)
class FrameMetric:
    """A function of (df, models, ...) that gives a value a series, by series and window.

    df holds one window of one model: unique_id, ds, y, `forecast`, its quantiles as `forecast-lo-80`, `forecast-hi-80`
    and `forecast-median`, `baseline` where there is one, `underage` and `overage`. train_df holds the sales known at
    the cutoff, from the first known one of each series on, zeros included.

    Rows whose demand is not known, or is only known to be no less than what was sold, are left out. A series in which a
    row has demand and no forecast, or lacks a quantile that the function is given, has no value and is counted as
    missing: leaving out the dear rows must not win.

    code : which function. asks : what it is handed. function : itself, with its params.
    """

    code: Code
    asks: Asks
    function: Callable[..., Any] = field(repr=False, compare=False)

    @property
    def over(self) -> Over:
        """Each series in a window is an observation."""
        return "series"

    @property
    def per(self) -> Per:
        """The mean over the windows of each series, then over series."""
        return "series"

    def parts(self, o: Observations) -> tuple[Floats | None, ...]:
        """Value of each series [series], and ones; InputError where the function fails or gives something else."""
        unknown = np.full(len(o.cells.unique_ids), np.nan)
        asked_for = self._models(o)
        lacks = (self.asks.training and o.cells.training is None) or (self.asks.baseline and o.cells.baseline is None)
        if asked_for is None or lacks:
            return unknown, None
        models, needed = asked_for
        kept = self._kept(o, needed)
        if not kept.any():
            return unknown, None
        given = self._given(o, needed)
        said = asked(self.code, lambda: self.function(_frame(o, kept), models, **given))
        return self._by_series(said, o), None

    def _given(self, o: Observations, needed: list[float]) -> dict[str, Any]:
        given: dict[str, Any] = {"quantiles": np.array(needed)} if self.asks.shape == "quantiles" else {}
        if self.asks.training:
            given["train_df"] = _training_frame(o.cells)
        return given

    def value(self, sums: Floats) -> Floats:
        """Mean over windows."""
        nothing = np.full(sums.shape[:-1], np.nan)
        return np.asarray(np.divide(sums[..., 0], sums[..., 1], out=nothing, where=sums[..., 1] > 0))

    def _models(self, o: Observations) -> tuple[Any, list[float]] | None:
        """What it is handed as `models`, and the quantiles behind it; None where the model lacks one of them."""
        levels = self.asks.levels or (tuple(o.quantiles) if self.asks.shape == "quantiles" else ())
        found = [_nearest_level(o, level) for level in levels]
        if any(level is None for level in found) or (self.asks.shape != "model" and not levels):
            return None
        known = [level for level in found if level is not None]
        names = [quantile_name(level) for level in known]
        models = {"model": [MODEL], "quantile": {MODEL: names[0] if names else ""}, "quantiles": {MODEL: names}}
        return models[self.asks.shape], known

    def _kept(self, o: Observations, needed: list[float]) -> Marks:
        """[series, step] rows of the frame."""
        cells = o.cells
        rows = cells.present & ~np.isnan(cells.demand)
        rows = rows if cells.censored is None else rows & ~cells.censored
        said = ~np.isnan(o.forecast)
        for level in needed:
            said &= ~np.isnan(o.quantiles[level])
        if self.asks.baseline and cells.baseline is not None:
            said &= ~np.isnan(cells.baseline)
        whole = np.asarray((said | ~rows).all(axis=1))
        if self.asks.training and cells.training is not None:
            whole &= ~np.isnan(cells.training.sales).all(axis=1)
        return np.asarray(rows & whole[:, None])

    def _by_series(self, said: Any, o: Observations) -> Floats:  # noqa: ANN401 - whatever it gave
        if not isinstance(said, pd.DataFrame) or not {"unique_id", MODEL} <= set(said.columns):
            raise fault(self.code, f"gave a {type(said).__name__} without unique_id and {MODEL}",
                        "give a frame of one row a series and a column a model")  # fmt: skip
        if said["unique_id"].duplicated().any():
            raise fault(self.code, "gave several rows of a series", "give one row a series")
        values = said.set_index("unique_id")[MODEL].astype(float)
        return np.asarray(values.reindex(pd.Index(o.cells.unique_ids)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Asks:
    """What a function is handed.

    shape : whether `models` is the column of the forecast, that of one quantile, or those of several.
    levels : of the quantiles; () are all that the model has.
    training : whether it takes train_df; baseline : whether it is handed the baseline of the scores.
    """

    shape: Shape
    levels: tuple[float, ...]
    training: bool
    baseline: bool


def frame_metric(own: Callable[..., Any], params: Mapping[str, Any], code: Code) -> FrameMetric:
    """Measure of a metric of utilsforecast, or of one that is made like them.

    params : seasonality, level, q, quantiles and whatever else it takes. `q` of a function that takes none, as
        calibration, says which quantile it is given; `quantiles` default to all that the model has, `baseline` to the
        baseline of the scores.

    Raises InputError where it does not take the params, or needs one that is not given.

    >>> from utilsforecast.losses import coverage
    >>> frame_metric(coverage, {"level": 80}, Code("utilsforecast.losses:coverage", "{}", "")).asks.levels
    (0.1, 0.9)
    """
    takes = inspect.signature(own).parameters
    shape = _shape(own)
    baseline = "baseline" in takes and "baseline" not in params
    given = dict(params) | ({"baseline": BASELINE} if baseline else {})
    if "level" in given:
        given["level"] = _plain(given["level"])
    q = given.get("q", takes["q"].default if "q" in takes else None)
    if shape == "quantile" and not isinstance(q, float):
        raise fault(code, "needs to know which quantile it is given", "add params: {q: 0.9}")
    passed = {key: value for key, value in given.items() if key in takes or key != "q"}
    ours = [name for name in takes if name in OURS or (name == "quantiles" and name not in passed)]
    refuse_params(own, code, passed, ours)
    passed.pop("quantiles", None)  # handed over with the columns
    asks = Asks(shape, _levels(shape, given, q), "train_df" in takes, baseline=baseline)
    return FrameMetric(code, asks, partial(own, **passed))


def _shape(own: Callable[..., Any]) -> Shape:
    takes = inspect.signature(own).parameters
    models = get_type_hints(own).get("models")
    inner = get_args(models)[1:] if get_origin(models) is dict else ()
    if "quantiles" in takes or (inner and inner != (str,)):
        return "quantiles"
    return "quantile" if inner or "q" in takes else "model"


def _levels(shape: Shape, given: Mapping[str, Any], q: float | None) -> tuple[float, ...]:
    """Levels of the quantiles that a function needs."""
    if shape == "quantile" and q is not None:
        return (q,)
    if shape == "quantiles":
        return tuple(sorted(float(level) for level in given.get("quantiles", ())))
    level = given.get("level")
    return () if level is None else tuple(round(0.5 + side * level / 200.0, 9) for side in (-1, 1))


def _plain(level: float) -> float:
    """80 of 80.0, as columns are named."""
    return int(level) if float(level).is_integer() else level


def quantile_name(level: float) -> str:
    """Column of a quantile, as Nixtla has it.

    >>> [quantile_name(level) for level in (0.1, 0.5, 0.975)]
    ['forecast-lo-80', 'forecast-median', 'forecast-hi-95']
    """
    share = round(abs(200.0 * level - 100.0), 6)
    return f"{MODEL}-median" if share == 0 else f"{MODEL}-{'lo' if level < 0.5 else 'hi'}-{share:g}"


def _nearest_level(o: Observations, level: float) -> float | None:
    return next((each for each in o.quantiles if abs(each - level) < LATITUDE), None)


def _frame(o: Observations, kept: Marks) -> pd.DataFrame:
    """Rows of a window as utilsforecast has them."""
    cells = o.cells
    series, steps = np.nonzero(kept)
    columns = {"y": cells.demand, MODEL: o.forecast, **{quantile_name(q): at for q, at in o.quantiles.items()}}
    columns |= {} if cells.baseline is None else {BASELINE: cells.baseline}
    columns |= {name: np.broadcast_to(getattr(cells.costs, name), kept.shape) for name in ("underage", "overage")}
    values = {name: np.asarray(value)[kept] for name, value in columns.items()}
    return pd.DataFrame({"unique_id": cells.unique_ids[series], "ds": cells.dates[steps], **values})


@lru_cache(maxsize=1)  # the same for every model and metric of a window
def _training_frame(cells: Cells) -> pd.DataFrame:
    """Sales known at the cutoff, by series and time."""
    assert cells.training is not None
    sales, dates = cells.training.sales, cells.training.dates
    series, times = np.nonzero(~np.isnan(sales))
    return pd.DataFrame({"unique_id": cells.unique_ids[series], "ds": dates[times], "y": sales[series, times]})
