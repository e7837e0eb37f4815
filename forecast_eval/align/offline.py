"""What a run promises of a candidate: relative differences in every metric, with the covariance of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, nearest, refuse

from ..build import windows_of
from ..inference import Draws, draw, time_blocks
from ..inference.bootstrap import FEWEST_BLOCKS, FEWEST_VALUES, Way
from ..money import judged_cutoffs
from ..money.clustering import clustering
from ..scores.hierarchy import Hierarchical
from ..scoring import shared_sums
from .deltas import SHARE, Deltas
from .offline_money import money_metrics, money_sums

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..online.metric import OnlineMetric
    from ..pipeline import Session
    from ..scores.leaderboard import Measured
    from .deltas import Better

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CLEAR = 1.96
"""Standard errors that the incumbent's distance from 0 must be, for another's to be relative to it."""
NO_SPREAD = 1e-12
"""Standard error, as a share of the incumbent, below which two models are the same on a metric but for rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class OfflineSide:
    """The offline side of a launch.

    judged : last judged cutoff.
    unit : static column that is drawn as clusters, None where series are; stores : [store] its values.
    influence : [store, metric] what each store adds to the error of each difference; the columns add up to 0, and their
        sums of squares are the variance by stores, but for few stores. 0 where a metric is not made of stores.
    """

    deltas: Deltas
    judged: dt.date
    unit: str | None
    stores: tuple[str, ...]
    influence: Floats
    notes: tuple[str, ...] = ()


def offline_deltas(
    session: Session,
    candidate: str,
    *,
    incumbent: str | None = None,
    metrics: Sequence[OnlineMetric] | None = None,
    replicates: int | None = None,
    seed: int | None = None,
) -> OfflineSide:
    """Differences candidate / incumbent - 1 in every metric of a run that ranks, and in its simulated money.

    session : of a run with a simulation. incumbent : by default that of the run.
    metrics : of the simulation, as a test would measure them, by the names that they have online; by default those of
        the run's `online`, or profit, revenue, stockout_rate and waste. Those that the simulation lacks are left out.
    replicates, seed : of the bootstrap; by default those of the run.

    Where the best value of a metric is 0, as of a bias, the difference is that of |values|. An incumbent that is not
    clearly apart from 0 leaves nothing to be relative to, as with the lift of an experiment (Fieller). Profit is what a
    shop can measure: goodwill is not in it (`online.simulated.measures`).

    The covariance is one for all metrics: each replicate draws stores with replacement (the first column of
    `compare.cluster`; series where there is none) and blocks of time, once for all metrics and both models
    (`inference.draw`; judged cutoffs and those before them are drawn by themselves, so that money always has as many).
    With c and i the values of both models, and c*, i* in a replicate, an error is

        ((c* - mean c*) - c / i * (i* - mean i*)) / i,

    the first-order expansion of a ratio, since that of c* / i* itself has no variance where i* comes near 0. The
    covariance is multiplied by n / (n - 1), n being the fewest stores or blocks that are drawn: the part of the stretch
    of `inference.interval` that a variance lacks. Student's quantile, the other part, belongs to an interval.

    What is NaN, does not differ, or is relative to 0, is left out, and a note says so.

    Raises InputError with every fault: no simulation, an unknown model, models that differ in nothing.
    """
    incumbent = incumbent or session.config.compare.incumbent
    asked = money_metrics(session) if metrics is None else tuple(metrics)
    refuse(_unknown(session, candidate, incumbent))
    found, taken = _measured(session, (candidate, incumbent), asked)
    layout = _Layout.of(session)
    count = replicates or session.config.score.replicates
    drawn = layout.draws(count, session.config.seed if seed is None else seed)
    levels = {m.name for m in session.metrics if isinstance(m.measure, Hierarchical)}
    pairs = [_Pair.of(one, layout, drawn, by_store=one.metric not in levels) for one in found]
    kept = [pair for pair in pairs if not pair.lacks]
    if not kept:
        what = f"{candidate} and {incumbent} differ in no metric of the run"
        refuse([Fault("no-difference", what, "candidate", "leave it out: it says nothing of metrics")])
    bases = {name: base for name, base in taken.items() if np.isfinite(base)}
    return OfflineSide(
        _deltas(kept, drawn, bases), session.windows[layout.judged[-1]].cutoff.date(), layout.unit, layout.stores,
        np.stack([pair.influence for pair in kept], axis=1),
        (*drawn.notes, *layout.notes, *(f"{pair.name} is left out: {pair.lacks}" for pair in pairs if pair.lacks)),
    )  # fmt: skip


def _unknown(session: Session, candidate: str, incumbent: str) -> list[Fault]:
    run = session.run
    if not (run.has("ledger") and run.has("money")):
        return [Fault("no-simulation", "the run has no simulation", str(run.path),
                      "do it with forecast-eval simulate and this directory")]  # fmt: skip
    played = [str(name) for name in run.read("money")["model"]]
    faults = [
        Fault("unknown-model", f"{name!r} was not played in the run", str(run.path), nearest(name, played))
        for name in (candidate, incumbent) if name not in played
    ]  # fmt: skip
    if candidate == incumbent:
        faults.append(Fault("no-difference", f"{candidate!r} is the incumbent itself", "candidate", "name another"))
    return faults


def _measured(
    session: Session, models: tuple[str, str], asked: Sequence[OnlineMetric]
) -> tuple[list[Measured], dict[str, float]]:
    """Sums of every metric, and the incumbent's value of those of the simulation, a unit and period."""
    money, bases = money_sums(session, models, asked)
    named = {one.metric for one in money}
    scores = [one for name, one in shared_sums(session, models).items() if name not in named]
    return [*(one.finite()[0] for one in scores), *money], bases


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """How the cells [series, cutoff] of a run are drawn.

    unit, stores : of the clusters; codes : [series] store of each. judged : positions of the judged cutoffs.
    block : cutoffs in a block of time.
    """

    unit: str | None
    stores: tuple[str, ...]
    codes: Ints
    judged: list[int]
    cutoffs: int
    block: int

    @classmethod
    def of(cls, session: Session) -> _Layout:
        """Clusters and blocks as the run's config has them; a block binds what a horizon or a unit of stock does."""
        config, history, market = session.config, session.inputs.history, session.market
        groups = clustering(history.static, config.compare.clusters)
        step = windows_of(config.backtest).spacing(history.calendar) or 1
        held = int(np.ceil(market.protection.max() / market.step))
        return cls(
            groups.columns[0] if groups.columns else None, groups.names, groups.codes[0],
            judged_cutoffs(market, session.windows, config.simulate.judged)[1], len(session.windows),
            config.compare.block or max(held, -(-config.backtest.horizon // step)),
        )  # fmt: skip

    @property
    def notes(self) -> tuple[str, ...]:
        """What the draws of money cannot say."""
        judged = int(time_blocks(len(self.judged), self.block).max()) + 1
        if judged >= FEWEST_BLOCKS:
            return ()
        return (f"the judged cutoffs are {judged} blocks of time: errors of money say nothing of other times",)

    def draws(self, replicates: int, seed: int) -> Draws:
        """Stores, and blocks of the judged cutoffs and of the others, each drawn by themselves."""
        rng, first = np.random.default_rng(seed), self.judged[0]
        late = draw(self.codes, time_blocks(self.cutoffs - first, self.block), replicates=replicates, rng=rng)
        if not first:
            return late
        early = draw(np.zeros(1, dtype=np.int64), time_blocks(first, self.block), replicates=replicates, rng=rng).blocks
        size = max(len(early.counts), len(late.blocks.counts))
        counts = [np.broadcast_to(way.counts, (size, way.groups)) for way in (early, late.blocks)]
        codes = np.concatenate([early.codes, late.blocks.codes + early.groups])
        return Draws(late.clusters, Way(codes, np.concatenate(counts, axis=1)))

    def without_each(self) -> Draws:
        """Every store left out once."""
        each = 1 - np.eye(len(self.stores), dtype=np.uint16)
        return Draws(Way(self.codes, each), Way(np.arange(self.cutoffs), np.ones((1, self.cutoffs), dtype=np.uint16)))


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Candidate and incumbent on one metric.

    value, base : the difference, and the incumbent's value. errors : [replicate]; influence : [store].
    lacks : why it cannot be used; empty where it can.
    """

    name: str
    better: Better
    value: float
    base: float
    errors: Floats
    influence: Floats
    lacks: str = ""

    @classmethod
    def of(cls, measured: Measured, layout: _Layout, drawn: Draws, *, by_store: bool) -> _Pair:
        """Difference of the first model to the second.

        by_store : whether the metric's series are those of the run, and not the levels of a hierarchy.
        """
        if not by_store:
            alone = np.zeros(measured.sums.shape[2], dtype=np.int64)
            drawn = Draws(Way(alone, np.ones((1, 1), dtype=np.uint16)), drawn.blocks)
        once, values = measured.values(drawn.once())[0, :2], measured.values(drawn)[:, :2]
        signs = np.sign(once) if measured.direction == "zero" else np.ones(2)
        better: Better = "higher" if measured.direction == "higher" else "lower"
        count = len(layout.stores)
        lacks = _unfit(once * signs, values * signs)
        if lacks:
            return cls(measured.metric, better, np.nan, float(once[1]), np.empty(0), np.zeros(count), lacks)
        found, influence = _errors(once * signs, values * signs), np.zeros(count)
        if by_store and layout.unit is not None and count > 1:
            left = _errors(once * signs, measured.values(layout.without_each())[:, :2] * signs)
            influence = np.nan_to_num(-(count - 1) / count * left)
        ratio, lacks = float(once[0] * signs[0] / (once[1] * signs[1])), _lacks(found)
        return cls(measured.metric, better, ratio - 1, float(once[1]), found, influence, lacks)


def _unfit(once: Floats, values: Floats) -> str:
    """Why there is no difference relative to the second of two models; values : [replicate, 2]."""
    if not np.isfinite(once).all():
        return "it has no value"
    known = values[np.isfinite(values[:, 1]), 1]
    spread = float(known.std()) if len(known) else 0.0
    if once[1] > CLEAR * spread and once[1] > 0:
        return ""
    return f"the incumbent's {once[1]:.3g} is not clearly above 0, and nothing is relative to it"


def _errors(once: Floats, values: Floats) -> Floats:
    """Errors of the relative difference in every replicate; see `offline_deltas`."""
    known = np.asarray(np.isfinite(values).all(axis=1))
    apart = np.where(known[:, None], values, np.nan) - values[known].sum(axis=0) / max(1, int(known.sum()))
    return np.asarray((apart[:, 0] - once[0] / once[1] * apart[:, 1]) / once[1])


def _lacks(errors: Floats) -> str:
    known = np.isfinite(errors)
    if len(errors) == 1 or known.mean() < FEWEST_VALUES:
        return "too few draws of stores and time have a value"
    return "" if errors[known].std() > NO_SPREAD else "the models do not differ"


def _deltas(kept: list[_Pair], drawn: Draws, bases: dict[str, float]) -> Deltas:
    errors = np.stack([np.broadcast_to(pair.errors, drawn.replicates) for pair in kept], axis=1)
    errors = errors[np.isfinite(errors).all(axis=1)]
    errors = errors - errors.mean(axis=0)
    fewest = min(way.groups for way in drawn.ways)
    covariance = errors.T @ errors / (len(errors) - 1) * (fewest / (fewest - 1))
    return Deltas(
        tuple(pair.name for pair in kept), np.array([pair.value for pair in kept]), covariance,
        (SHARE,) * len(kept), tuple(pair.better for pair in kept),
        np.array([bases.get(pair.name, pair.base) for pair in kept]),
    )  # fmt: skip
