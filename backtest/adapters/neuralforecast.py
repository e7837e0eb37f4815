"""Any neuralforecast model, by name: one network for all series."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..columns import quantile_column, quantile_levels
from ..faults import Fault, nearest, refuse
from ..forecaster import FallbackWarning
from .neural_frames import Chosen, Frames, frames_of, long_enough, panel_of
from .neural_models import SET_HERE, facts_of
from .series_costs import known_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..forecaster import Fitted, Known
    from .series_costs import SeriesCosts

Distribution = Literal["Normal", "Poisson", "NegativeBinomial", "StudentT", "Tweedie", "ISQF"]
BY_LIKELIHOOD, POINTS_ONLY = ("DeepAR",), ("DeepNPTS",)
LOGGERS = ("lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric")


@dataclass(frozen=True, slots=True)
class NeuralForecastModel:
    """A network of neuralforecast, trained on all series together.

    model : class name in neuralforecast.models, such as "NHITS".
    params : its arguments and those of its trainer, as (name, value) pairs. Where they do not say, input_size is three
        times the horizon and scaler_type "standard", which scales each window by what it shows of the past.
    covariates, past_covariates : known-future covariates, and columns of the history that are known up to the cutoff
        only (in_stock may be one); static : static columns. Text is embedded.
    loss : makes a loss of one number in its place, anew for each fit, such as
        `partial(losses.neuralforecast.BusinessLoss, Newsvendor(), CostColumns())`. The forecast is then what minimises
        that loss, such as an order quantity, and there are no quantiles.
    costs : gives the columns that such a loss reads, as they are known at each cutoff. The network sees them too.
    distribution : trains by its likelihood instead of on quantiles; the forecast is then the mean.
    val_size : last periods of each series, on which training stops early if params have early_stop_patience_steps.
    accelerator : of the trainer; auto takes a GPU where there is one.
    threads : CPU threads.

    Without loss and distribution it is trained on the sum of the quantile losses of the wanted levels and of .5, the
    median, which is the point forecast; DeepNPTS, which knows points only, on the absolute error. Quantiles are sorted,
    and nothing is forecast below 0.

    Sample paths: none. neuralforecast's `simulate` draws them from a copula whose correlation comes from differences of
    the history, not from the model; `ResidualQuantiles` gives paths of real errors.

    A series shorter than input_size is seen with its missing past masked, in training and in forecasts, and so is one
    that is new since the fit. A network that sees all series side by side (TSMixer and the like) knows those on sale
    when it was fitted; newer ones, and those for which a network has no number, get the mean and the quantiles of what
    is known of them, and a FallbackWarning. No scaler sees more than the past of a window.

    Raises InputError for an unknown model or argument, covariates that the model cannot take, a loss next to a
    distribution, and where neuralforecast is not installed.
    """

    model: str
    params: tuple[tuple[str, Any], ...] = ()
    covariates: tuple[str, ...] = ()
    past_covariates: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    loss: Callable[[], Any] | None = None
    costs: SeriesCosts | None = None
    distribution: Distribution | None = None
    val_size: int = 0
    accelerator: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what neuralforecast does not have, before anything runs; all faults at once."""
        facts = facts_of(self.model)
        given = {
            "FUTR": ("covariates", self.covariates), "HIST": ("past_covariates", self.past_covariates),
            "STAT": ("static columns", self.static or (("costs",) if self.costs else ())),
        }  # fmt: skip
        faults = [_parameter_fault(self.model, name, facts.arguments) for name, _ in self.params]
        faults += [
            Fault("covariates", f"{self.model} takes no {what}, and was given {list(names)}", "forecasters",
                  "leave them out, or take another model")
            for flag, (what, names) in given.items() if names and not facts.flags.get(f"EXOGENOUS_{flag}", False)
        ]  # fmt: skip
        if self.loss is not None and self.distribution is not None:
            what = f"distribution={self.distribution!r} and a loss are both given"
            faults.append(Fault("given-twice", what, "forecasters", "leave one of them out"))
        if self.distribution is None and self.model in BY_LIKELIHOOD:
            what = f"{self.model} is trained by likelihood alone"
            faults.append(
                Fault("no-distribution", what, "forecasters", "give a distribution, such as NegativeBinomial")
            )
        if self.distribution is not None and self.model in POINTS_ONLY:
            what = f"{self.model} forecasts points only"
            faults.append(Fault("distribution", what, "forecasters", "leave distribution out"))
        if self.val_size < 0:
            faults.append(Fault("count", f"val_size={self.val_size} must be >= 0", "forecasters", "give periods"))
        refuse([fault for fault in faults if fault is not None])

    def as_known(self, cutoff: pd.Timestamp) -> NeuralForecastModel:
        """Itself with costs that hold only what is known by then, where `costs` can tell; see `backtest.Forecaster`."""
        return replace(self, costs=known_by(self.costs, cutoff))

    @property
    def chosen(self) -> Chosen:
        """Columns that the network sees."""
        return Chosen(self.covariates, self.past_covariates, self.static)

    @property
    def side_by_side(self) -> bool:
        """Whether the network sees all series at once."""
        return facts_of(self.model).flags.get("MULTIVARIATE", False)

    def fit(self, known: Known) -> Fitted:
        """Train on every series of `known.history`; one that sees them side by side, on those still on sale."""
        self.chosen.check(known)
        history = known.active_history() if self.side_by_side else known.history
        frames = frames_of(known, self.chosen, self.costs, history)
        ids = tuple(pd.unique(frames.past["unique_id"]))
        if self.side_by_side:
            frames = panel_of(frames, ids, known.horizon)
        frames = long_enough(frames, self.val_size)
        with _quietly(self.threads):
            from neuralforecast import NeuralForecast

            engine = NeuralForecast(models=[self._network(known, frames, len(ids))], freq=1)
            engine.fit(frames.past, static_df=frames.static, val_size=self.val_size)
        return _FittedNetwork(self, engine, ids)

    def _network(self, known: Known, frames: Frames, n_series: int) -> Any:  # noqa: ANN401 - neuralforecast's
        from neuralforecast import models

        categories = self.chosen.categories(known)
        facts = facts_of(self.model)
        if categories and not facts.flags.get("EXOGENOUS_CAT", False):
            what = f"{self.model} takes numbers only, and {sorted(categories)} are text"
            refuse([Fault("text-covariate", what, "forecasters", "leave them out, or take another model")])
        static = [] if frames.static is None else [c for c in frames.static.columns if c != "unique_id"]
        loss = self._loss(known.levels)
        made_here = {
            "h": known.horizon, "loss": loss, "valid_loss": loss, "alias": "model", "random_seed": known.seed,
            "n_series": n_series, "start_padding_enabled": True, "input_size": 3 * known.horizon,
            "scaler_type": "standard", "futr_exog_list": list(self.covariates) or None,
            "hist_exog_list": list(self.past_covariates) or None, "stat_exog_list": static or None,
            "cat_exog_list": list(categories) or None, "categorical_cardinalities": categories or None,
            "accelerator": self.accelerator, "devices": 1, "logger": False, "enable_progress_bar": False,
            "enable_model_summary": False, "enable_checkpointing": False,
        }  # fmt: skip
        taken = {name: value for name, value in made_here.items() if name in facts.arguments and value is not None}
        return getattr(models, self.model)(**_repeatable(), **taken | dict(self.params))

    def _loss(self, levels: tuple[float, ...]) -> Any:  # noqa: ANN401 - neuralforecast's
        from neuralforecast.losses import pytorch

        if self.loss is not None:
            return self.loss()
        if self.model in POINTS_ONLY:
            return pytorch.MAE()
        if self.distribution is not None:
            return pytorch.DistributionLoss(self.distribution, quantiles=list(levels) or [0.5])
        return pytorch.MQLoss(quantiles=_with_median(levels)) if levels else pytorch.MAE()

    def _columns(self, levels: tuple[float, ...]) -> list[str]:
        """Ours for the values that the network gives, in their order; two of a name are the same."""
        if self.loss is not None or self.model in POINTS_ONLY or not (levels or self.distribution):
            return ["forecast"]
        if self.distribution is not None:
            return ["forecast", *map(quantile_column, levels or (0.5,))]
        return list(map(quantile_column, _with_median(levels)))


@dataclass(frozen=True, slots=True)
class _FittedNetwork:
    spec: NeuralForecastModel
    engine: Any
    ids: tuple[str, ...]

    def predict(self, known: Known) -> pd.DataFrame:
        history, spec = known.active_history(), self.spec
        if spec.side_by_side:
            history = known.history[known.history["unique_id"].isin(self.ids)]
        frames = whole = frames_of(known, spec.chosen, spec.costs, history)
        if spec.side_by_side:
            whole = panel_of(frames, self.ids, known.horizon)
        with _quietly(spec.threads):
            wide = self.engine.predict(whole.past, static_df=whole.static, futr_df=whole.future)
        columns = spec._columns(known.levels)  # noqa: SLF001 - its own other half
        wide = wide.set_axis([*wide.columns[:2], *columns], axis=1)
        made = frames.future[["unique_id", "ds"]].merge(wide, on=["unique_id", "ds"], how="left")[columns]
        return _in_order(known, made, spec)


def _in_order(known: Known, made: pd.DataFrame, spec: NeuralForecastModel) -> pd.DataFrame:
    """The wanted rows: numbers everywhere, not below 0, quantiles ascending, and only the levels that were wanted."""
    numbers = made.astype(float).where(np.isfinite(made), np.nan)
    out = pd.concat([known.future[["unique_id", "ds"]], numbers.clip(lower=0.0)], axis=1)
    out = _filled_in(out, known, spec.model)
    levels = quantile_levels(list(out.columns))
    out[list(levels.values())] = np.sort(out[list(levels.values())].to_numpy(), axis=1)
    if "forecast" not in out.columns:
        out["forecast"] = out[levels[0.5]]
    kept = [c for q, c in levels.items() if q in known.levels]
    return out.loc[known.wanted().index, ["unique_id", "ds", "forecast", *kept]].reset_index(drop=True)


def _filled_in(made: pd.DataFrame, known: Known, model: str) -> pd.DataFrame:
    """Give the series without a number the mean and the quantiles of what is known of them."""
    columns = list(made.columns[2:])
    lacking = made.loc[made[columns].isna().any(axis=1), "unique_id"].unique()
    if not len(lacking):
        return made
    if len(lacking) == made["unique_id"].nunique():
        raise ValueError(f"{model} has no number for any series: lower learning_rate, or scale by scaler_type")
    shown = ", ".join(map(str, lacking[:3])) + (", ..." if len(lacking) > 3 else "")
    text = f"{len(lacking)} series that {model} does not know or has no number for got their mean: {shown}"
    warnings.warn(FallbackWarning(text), stacklevel=4)
    sales = known.history[known.history["unique_id"].isin(lacking)].groupby("unique_id")["y"]
    levels = {c: q for q, c in quantile_levels(columns).items()}
    stand_in = pd.DataFrame({c: sales.quantile(levels[c]) if c in levels else sales.mean() for c in columns})
    rows = made["unique_id"].isin(lacking)
    made.loc[rows, columns] = stand_in.loc[made.loc[rows, "unique_id"], columns].to_numpy()
    return made


def _with_median(levels: tuple[float, ...]) -> list[float]:
    return sorted({*levels, 0.5})


def _parameter_fault(model: str, name: str, known: frozenset[str]) -> Fault | None:
    if name in SET_HERE:
        return Fault("parameter", f"{model}: {name} is set by the backtest", "forecasters",
                     "leave it out; covariates, loss and accelerator are keys of the forecaster")  # fmt: skip
    if name not in known:
        return Fault("unknown-parameter", f"{model} has no parameter {name!r}", "forecasters",
                     nearest(name, known - SET_HERE))  # fmt: skip
    return None


def _repeatable() -> dict[str, Any]:
    """Arguments with which a GPU gives the same bytes again; a CPU does by itself."""
    import torch

    return {"deterministic": "warn"} if torch.cuda.is_available() else {}


@contextmanager
def _quietly(threads: int) -> Iterator[None]:
    """Without lightning's words, and without a trace in the process's random numbers and threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import neuralforecast  # noqa: F401 - its imports warn about each other, and set the loggers up
        import torch
        from pytorch_lightning.utilities.seed import isolate_rng

        loggers = [logging.getLogger(name) for name in LOGGERS]
        before, used = [logger.level for logger in loggers], torch.get_num_threads()
        torch.set_num_threads(threads)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            with isolate_rng():
                yield
        finally:
            torch.set_num_threads(used)
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
