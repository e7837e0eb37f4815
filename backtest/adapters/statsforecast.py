"""Any statsforecast model, by name."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..faults import Fault, InputError, nearest, refuse
from ..forecaster import FallbackWarning
from .conformal import revised_faults
from .statsforecast_series import Series, State, Task, can_simulate, estimated, forecast, keeps_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from ..forecaster import Fitted, Known
    from .statsforecast_series import Outcome

SHOWN = 3
"""Series that a note names."""


@dataclass(frozen=True, slots=True)
class StatsForecastModel:
    """A model of statsforecast, fitted to each series by itself.

    model : class name in statsforecast.models, such as "AutoETS".
    params : its arguments, as (name, value) pairs.
    covariates : known-future covariates that the model regresses on (AutoARIMA, ARIMA, MFLES, ...); numbers. One that
        does not vary in a series' history, or misses a value there, is left out for that series.
    conformal_windows : windows of `horizon` periods before the cutoff whose errors make the intervals, instead of the
        model's own (statsforecast's ConformalIntervals); 0 takes the model's own. The model is estimated once more for
        each of them. Covariates that were revised are refused then, since those errors would be of forecasts that knew
        the revisions; `ResidualQuantiles` takes errors of real forecasts.

    Quantiles come from the model's prediction intervals, and sample paths from its `simulate`, with a seed of each
    series' own; a model that has none of them gives point forecasts only. Nothing is forecast below 0.

    At a later cutoff than that of the fit, models with a `forward` see the new data with the parameters that were
    estimated then (ETS, Theta, CES, ARIMA, MSTL, sklearn). All others (Croston types, averages, exponential smoothing)
    and series that have started since are estimated anew.

    A series for which the model fails or has no number, such as one too short for its season, gets the mean of what
    is known of it, with the spread around it; one too short for intervals keeps its point forecast and gets that
    spread. A FallbackWarning counts both. A model that fails on every series, and on a plain one too, raises its error.

    Raises InputError for a model that statsforecast does not have, arguments that it does not take, and covariates for
    a model that uses none; on fitting, for covariates that are not known for the future or no numbers, and for revised
    ones with conformal windows.
    """

    model: str
    params: tuple[tuple[str, Any], ...] = ()
    covariates: tuple[str, ...] = ()
    conformal_windows: int = 0
    local: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse an unknown model before anything runs."""
        if self.conformal_windows < 0 or self.conformal_windows == 1:
            refuse([Fault(
                "conformal-windows", f"conformal_windows={self.conformal_windows} must be 0 or at least 2",
                "forecasters", "give 2 or more windows, or 0 for the model's own intervals",
            )])  # fmt: skip
        if not self._build(1).uses_exog and self.covariates:
            refuse([Fault(
                "unused-covariates", f"{self.model} uses no covariates, and {', '.join(self.covariates)} are given",
                "forecasters", "leave them out, or take a model that does, such as AutoARIMA",
            )])  # fmt: skip

    def fit(self, known: Known) -> Fitted:
        """Estimate the model for each series to forecast, where the estimate serves later cutoffs too."""
        refuse(self.revised(known.revised))
        model = self._build(known.horizon)
        states: dict[str, State] = {}
        if keeps_state(model):
            with _undisturbed():
                found = ((one.unique_id, estimated(model, one)) for one in self._series(known))
                states = {uid: state for uid, state in found if state is not None}
        return _FittedModels(self, known.cutoff, states)

    def lacking(self, known_future: Sequence[str]) -> list[Fault]:
        """Faults of covariates that are not known for the steps to forecast."""
        return [
            Fault("unknown-covariate", f"covariate {name!r} is not known for the future", "forecasters",
                  f"declare it known_future; {nearest(name, known_future)}")
            for name in self.covariates if name not in known_future
        ]  # fmt: skip

    def revised(self, revised: Sequence[str]) -> list[Fault]:
        """Faults of covariates that were revised, where conformal windows would make errors of them too small."""
        return revised_faults(self.covariates, revised) if self.conformal_windows else []

    def _text_faults(self, history: pd.DataFrame) -> list[Fault]:
        return [
            Fault("not-a-number", f"covariate {name!r} is text, and statsforecast takes numbers", "forecasters",
                  "give it as numbers, such as 0 and 1, or leave it out")
            for name in self.covariates if history[name].dtype.kind not in "biuf"
        ]  # fmt: skip

    def _build(self, horizon: int) -> Any:  # noqa: ANN401 - statsforecast ships no types
        from statsforecast import models
        from statsforecast.utils import ConformalIntervals

        if self.model not in models.__all__:
            raise InputError([Fault(
                "unknown-model", f"statsforecast has no model {self.model!r}", "forecasters",
                nearest(self.model, models.__all__),
            )])  # fmt: skip
        params = dict(self.params)
        if self.conformal_windows:
            params["prediction_intervals"] = ConformalIntervals(self.conformal_windows, horizon)
        try:
            return getattr(models, self.model)(**params)
        except TypeError as error:
            raise InputError([Fault(
                "unknown-parameter", f"{self.model}: {error}", "forecasters", "see statsforecast's documentation",
            )]) from error  # fmt: skip

    def _series(self, known: Known) -> list[Series]:
        """Series to forecast, in the order of `known.future`."""
        refuse(self.lacking(known.known_future) or self._text_faults(known.history))
        ids = known.future["unique_id"].to_numpy(dtype=object)[:: known.horizon]
        rows = known.history["unique_id"].to_numpy(dtype=object)
        starts, stops = np.searchsorted(rows, ids, "left"), np.searchsorted(rows, ids, "right")
        y = known.history["y"].to_numpy(dtype=float)
        x, ahead = (
            frame[list(self.covariates)].to_numpy(dtype=float) if self.covariates else None
            for frame in (known.history, known.future)
        )
        h = known.horizon
        return [
            Series(
                uid, np.ascontiguousarray(y[a:b]), None if x is None else x[a:b],
                None if ahead is None else ahead[k * h : (k + 1) * h], _seed(known, uid),
            )
            for k, (uid, a, b) in enumerate(zip(ids, starts, stops, strict=True))
        ]  # fmt: skip

    def _task(self, known: Known, model: Any, *, later: bool) -> Task:  # noqa: ANN401
        seasons = np.atleast_1d(dict(self.params).get("season_length", 1))
        return Task(
            known.horizon,
            known.levels if self._has_intervals(model) else (),
            known.paths if can_simulate(model) else 0,
            int(max(seasons)),
            later,
        )

    def _has_intervals(self, model: Any) -> bool:  # noqa: ANN401
        conformal_only = getattr(model, "only_conformal_intervals", False) or self.model in WITHOUT_INTERVALS
        return bool(self.conformal_windows) or not conformal_only


@dataclass(frozen=True, slots=True, eq=False)
class _FittedModels:
    """Models by series, as they were estimated at one cutoff."""

    spec: StatsForecastModel
    fitted_at: pd.Timestamp
    states: Mapping[str, State]

    def predict(self, known: Known) -> pd.DataFrame:
        spec = self.spec
        model = spec._build(known.horizon)  # noqa: SLF001 - its own other half
        task = spec._task(known, model, later=known.cutoff != self.fitted_at)  # noqa: SLF001
        series = spec._series(known)  # noqa: SLF001
        with _undisturbed():
            made = [forecast(model, self.states.get(one.unique_id), one, task) for one in series]
        _tell(spec.model, series, made)
        if made and all(outcome.kind == "mean" for outcome in made):
            _raise_if_broken(model, made[0], task)
        numbers = np.concatenate([outcome.numbers for outcome in made]) if made else np.empty((0, len(task.columns)))
        out = known.future[["unique_id", "ds"]].reset_index(drop=True)
        return out.join(type(out)(task.tidy(numbers), columns=task.columns))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the models' words, and what they do to NumPy's global random state, from the caller."""
    state = np.random.get_state()  # noqa: NPY002 - what `simulate` sets
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _seed(known: Known, unique_id: str) -> int:
    """Seed of one series at one cutoff, whatever other series there are."""
    if not known.paths:
        return 0
    text = f"{known.seed}|{known.cutoff.isoformat()}|{unique_id}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())


def _tell(model: str, series: list[Series], made: list[Outcome]) -> None:
    for kind, text in (
        ("mean", f"series too short or odd for {model} got their mean"),
        ("spread", f"series too short for intervals of {model} got the spread of their history"),
    ):
        named = [one.unique_id for one, outcome in zip(series, made, strict=True) if outcome.kind == kind]
        if named:
            shown = ", ".join(named[:SHOWN]) + (", ..." if len(named) > SHOWN else "")
            warnings.warn(FallbackWarning(f"{len(named)} {text}: {shown}"), stacklevel=3)


def _raise_if_broken(model: Any, outcome: Outcome, task: Task) -> None:  # noqa: ANN401
    """Raise the model's error where it is the model that cannot work, and not the series that are odd."""
    n = max(120, 4 * task.season)
    plain = Series("plain", np.random.default_rng(0).poisson(20, n).astype(float), None, None, 0)
    bare = Task(task.horizon, (), 0, task.season)
    with _undisturbed():
        broken = forecast(model, None, plain, bare).kind == "mean"
    if broken and outcome.error is not None:
        raise outcome.error


WITHOUT_INTERVALS = frozenset({"SklearnModel", "MFLES", "AutoMFLES", "GARCH", "ARCH"})
"""Models whose only intervals are conformal ones, and which do not say so; earlier windows give better ones."""
