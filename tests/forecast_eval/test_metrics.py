"""Every metric of forecasts against another implementation, on a ragged panel with zeros, ties, gaps and stockouts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pytest
import scoringrules
from scipy import stats
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_pinball_loss,
    root_mean_squared_error,
)

from backtest import History, RollingWindows
from forecast_eval.config import Score, Trend
from forecast_eval.economics import Economics
from forecast_eval.scores import evaluate, metrics_named
from forecast_eval.scores.catalogue import builtin
from forecast_eval.scores.context import Context
from forecast_eval.scores.hierarchy import M5_LEVELS
from forecast_eval.scores.panel import Forecasts, score_panel

CALENDAR = pd.date_range("2025-01-06", periods=60, freq="W-MON")
WINDOWS = RollingWindows(horizon=4, step=3, n_windows=3, last_cutoff=CALENDAR[-3]).over(CALENDAR)
STORES = {"fast": "S1", "late": "S2", "ended": "S1", "slow": "S2", "lumpy": "S3"}
LEVELS = (0.1, 0.25, 0.5, 0.9)
TREND = Trend(recent=4, base=20)
SPEC = Score(by=("store", "series"), hidden_demand="masked", trend=TREND, explosion=None)
PATHS = [f"path{k}" for k in range(1, 8)]


def sales():
    """Series that starts late behind zeros, one that ends early, one of mostly zeros; some periods out of stock."""
    rng = np.random.default_rng(11)
    means = {"fast": 20.0, "late": 9.0, "ended": 6.0, "slow": 0.7, "lumpy": 4.0}
    parts = []
    for uid, mean in means.items():
        y = rng.poisson(mean * rng.gamma(2.0, 0.5, 60)).astype(float)
        table = pd.DataFrame({"unique_id": uid, "ds": CALENDAR, "y": y, "in_stock": 1.0})
        table.loc[rng.random(60) < 0.12, "in_stock"] = 0.4
        if uid == "late":
            table.loc[:29, "y"], table = 0.0, table.iloc[12:]
        parts.append(table.iloc[:56] if uid == "ended" else table)
    return pd.concat(parts, ignore_index=True)


def prices():
    rng = np.random.default_rng(12)
    rows = [{"unique_id": u, "ds": d} for u in STORES for d in (CALENDAR[0], CALENDAR[51])]
    table = pd.DataFrame(rows).assign(price=rng.uniform(6, 20, 10), holding=rng.uniform(0.1, 1.5, 10))
    return table.assign(unit_cost=0.5 * table["price"], goodwill=0.8)


def forecasts():
    """Two models with gaps of their own; the first hits demand exactly here and there."""
    rng = np.random.default_rng(13)
    level = sales().groupby("unique_id")["y"].mean()
    keys = pd.DataFrame([(w.cutoff, u, d) for w in WINDOWS for u in STORES for d in w.steps],
                        columns=["cutoff", "unique_id", "ds"])  # fmt: skip
    parts = []
    for model, gap in (("m", 0.12), ("base", 0.05)):
        own = keys.assign(model=model, forecast=keys["unique_id"].map(level) * rng.gamma(4.0, 0.3, len(keys)))
        own.loc[::5, "forecast"] = own.loc[::5, "forecast"].round()
        for q in LEVELS:
            own[f"q{q}"] = own["forecast"] * (0.3 + 1.2 * q) + rng.gamma(1.0, 0.2, len(keys)) * q
        columns = [f"q{q}" for q in LEVELS]
        own.loc[::3, columns] = own.loc[::3, columns].round()
        for name in PATHS:
            own[name] = own["forecast"] * rng.gamma(3.0, 0.35, len(keys))
        parts.append(own[rng.random(len(keys)) > gap])
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Panel:
    """All that the references read: plain frames, nothing of the engine."""

    sales: pd.DataFrame
    forecasts: pd.DataFrame
    prices: pd.DataFrame

    @cached_property
    def seen(self):
        """Rows of the first model with demand that is known, and what stands beside them."""
        return self.rows[self.rows["in_stock"] == 1]

    @cached_property
    def rows(self):
        """As `seen`, with stockout periods; y is what was sold."""
        base = self.forecasts[self.forecasts["model"] == "base"].rename(columns={"forecast": "base"})
        own = self.forecasts[self.forecasts["model"] == "m"].merge(self.sales, on=["unique_id", "ds"])
        own = own.merge(base[["cutoff", "unique_id", "ds", "base"]], on=["cutoff", "unique_id", "ds"], how="left")
        costs = [self.costs(r.unique_id, r.ds) for r in own.itertuples()]
        return own.assign(
            error=own["forecast"] - own["y"], underage=[c[0] for c in costs], overage=[c[1] for c in costs]
        )

    def costs(self, uid, ds):
        """Underage and overage of one period of review and goods that keep."""
        of = self.prices[(self.prices["unique_id"] == uid) & (self.prices["ds"] <= ds)].iloc[-1]
        return of["price"] - of["unit_cost"] + of["goodwill"], of["holding"]

    def known(self, uid, cutoff):
        """Sales of a series up to a cutoff."""
        return self.sales[(self.sales["unique_id"] == uid) & (self.sales["ds"] <= cutoff)]

    def scale(self, uid, cutoff, power):
        """Mean of |y_t - y_(t-1)|^power from the first sale on, both periods in stock."""
        own = self.known(uid, cutoff)
        y, whole = own["y"].tolist(), (own["in_stock"] == 1).tolist()
        first = next(t for t, value in enumerate(y) if value > 0)
        steps = [abs(y[t] - y[t - 1]) ** power for t in range(first + 1, len(y)) if whole[t] and whole[t - 1]]
        return np.mean(steps)


@pytest.fixture(scope="module")
def panel():
    return Panel(sales(), forecasts(), prices())


@pytest.fixture(scope="module")
def context(panel):
    static = pd.DataFrame({"unique_id": list(STORES), "store": list(STORES.values())})
    return Context.of(History.of(panel.sales, static=static), Economics.of(panel.prices), WINDOWS, SPEC)


def scored(context, panel, names, models=("m", "base")):
    whole = panel.forecasts.drop(columns=PATHS)
    paths = panel.forecasts[["model", "cutoff", "unique_id", "ds", *PATHS]]
    given = Forecasts(
        models, lambda w: whole[whole["cutoff"] == w.cutoff], lambda w: paths[paths["cutoff"] == w.cutoff]
    )
    return score_panel(context, given, metrics_named(names), baseline="base").scores


NAMES = [m.name + ("_80" if m.needs_level else "") for m in builtin().values() if m.source == "forecasts"]
"""Every metric of the catalogue that is made of forecasts; intervals at a level."""


OVER_LEVELS = ("wrmsse", "wspl")


@pytest.fixture(scope="module")
def scores(context, panel):
    return scored(context, panel, [*NAMES, "pinball_0.9"])


@pytest.fixture(scope="module")
def alone(context, panel):
    """Scores of the first model by itself: what it leaves out nobody forecasts."""
    own = Panel(panel.sales, panel.forecasts[panel.forecasts["model"] == "m"], panel.prices)
    return scored(context, own, OVER_LEVELS, models=("m",))


def loop(cost):
    """Mean over the rows that are known, one after the other."""
    return lambda p: np.mean([cost(r) for r in p.seen.itertuples()])


def by_series(value):
    """Mean over series of a value of each one's rows."""
    return lambda p: np.mean([value(p, uid, own) for uid, own in p.seen.groupby("unique_id")])


def tracking(_, __, own):
    return own["error"].sum() / np.mean([abs(e) for e in own["error"]])


def scaled(p, uid, own):
    return np.mean([abs(r.error) / p.scale(uid, r.cutoff, 1) for r in own.itertuples()])


def scaled_squared(p, uid, own):
    return np.mean([r.error**2 / p.scale(uid, r.cutoff, 2) for r in own.itertuples()]) ** 0.5


def relative_mae(p):
    both = p.seen.dropna(subset="base")
    return mean_absolute_error(both["y"], both["forecast"]) / mean_absolute_error(both["y"], both["base"])


def forecast_value_added(p):
    both = p.seen.dropna(subset="base")
    wape = {c: sum(abs(both[c] - both["y"])) / sum(both["y"]) for c in ("forecast", "base")}
    return 100 * (wape["base"] - wape["forecast"])


def pinball(p):
    return np.mean([mean_pinball_loss(p.seen["y"], p.seen[f"q{q}"], alpha=q) for q in LEVELS])


def crps(p):
    """Of the distribution that has each quantile with the probability between the middles of the levels."""
    shares = np.diff([0.0, 0.175, 0.375, 0.7, 1.0])
    quantiles = p.seen[[f"q{q}" for q in LEVELS]].to_numpy()
    weights = np.broadcast_to(shares, quantiles.shape)
    return scoringrules.crps_ensemble(
        p.seen["y"].to_numpy(), quantiles, ens_w=weights, estimator="nrg", backend="numpy"
    ).mean()


def interval_score(p):
    return scoringrules.interval_score(
        *(p.seen[c].to_numpy() for c in ("y", "q0.1", "q0.9")), 0.2, backend="numpy"
    ).mean()


def calibration_error(p):
    shares = [np.mean([r.y <= quantile for r, quantile in zip(p.seen.itertuples(), p.seen[f"q{q}"], strict=True)])
              for q in LEVELS]  # fmt: skip
    return 100 * np.mean([abs(share - q) for share, q in zip(shares, LEVELS, strict=True)])


def trend_score(p, uid, cutoff):
    """How surely a series rises minus how surely it falls, by the F distribution of a ratio of two Gamma rates."""
    own = p.known(uid, cutoff)
    recent = own[own["ds"] > cutoff - pd.Timedelta(weeks=TREND.recent)]
    base = own[own["ds"] <= cutoff - pd.Timedelta(weeks=TREND.recent)]
    base = base[base["ds"] > cutoff - pd.Timedelta(weeks=TREND.recent + TREND.base)]
    (near, far), (n, m) = ([each[c].sum() for each in (recent, base)] for c in ("y", "in_stock"))
    prior = 2.0
    extra = prior / ((near + far) / (n + m))  # periods that sell the prior units at the overall rate

    def above(factor):
        a, b = near + prior, far + prior
        return stats.f.sf(factor * (n + extra) * b / ((m + extra) * a), 2 * a, 2 * b)

    return above(TREND.factor) - (1 - above(1 / TREND.factor))


def trend_weighted(p):
    def cost(r):
        score = trend_score(p, r.unique_id, r.cutoff)
        under, over = r.underage * (1 + max(score, 0)), r.overage * (1 + max(-score, 0))
        return under * max(-r.error, 0) + over * max(r.error, 0)

    return loop(cost)(p)


def spec(p):
    """The published double sum, over windows of which every period is known."""
    costs = []
    for _, own in p.seen.sort_values("ds").groupby(["cutoff", "unique_id"]):
        if len(own) < 4:
            continue
        y, f = own["y"].tolist(), own["forecast"].tolist()
        under, over = own["underage"].tolist(), own["overage"].tolist()
        for t in range(4):
            for i in range(t + 1):
                wanted = min(y[i], sum(y[: i + 1]) - sum(f[: t + 1]))
                stored = min(f[i], sum(f[: i + 1]) - sum(y[: t + 1]))
                costs.append((t - i + 1) * (max(0.0, under[t] * wanted) + max(0.0, over[t] * stored)))
    return sum(costs) / (len(costs) / 10 * 4)  # ten pairs of periods in a window of four


NODES = (
    {"": list(STORES)},
    {s: [u for u in STORES if STORES[u] == s] for s in sorted(set(STORES.values()))},
    {u: [u] for u in STORES},
)
"""Series of each node of the total, the stores and the series."""


def node_weight(p, ids, cutoff):
    """Money sold in the four weeks before."""
    weeks = p.sales[(p.sales["ds"] <= cutoff) & (p.sales["ds"] > cutoff - pd.Timedelta(weeks=4))]
    return sum(r.y * price_at(p, r.unique_id, r.ds) for r in weeks.itertuples() if r.unique_id in ids)


def price_at(p, uid, ds):
    return p.prices[(p.prices["unique_id"] == uid) & (p.prices["ds"] <= ds)].iloc[-1]["price"]


def node_scale(p, ids, cutoff, power):
    own = p.sales[p.sales["unique_id"].isin(ids) & (p.sales["ds"] <= cutoff)].groupby("ds")["y"].sum()
    y = own[own.cumsum() > 0].to_numpy()
    return np.mean(np.abs(np.diff(y)) ** power)


def over_hierarchy(p, score):
    """Mean over cutoffs and levels of the weighted mean of a node's score; nodes that sold nothing new have no part."""
    found = []
    for w in WINDOWS:
        now = p.seen[p.seen["cutoff"] == w.cutoff]
        for level in NODES:
            judged = {n: ids for n, ids in level.items() if now["unique_id"].isin(ids).any()}
            weights = [node_weight(p, ids, w.cutoff) for ids in judged.values()]
            values = [
                score(now[now["unique_id"].isin(ids)], ids, w.cutoff, bottom=level is NODES[-1])
                for ids in judged.values()
            ]
            found.append(np.average(values, weights=weights))
    return np.mean(found)


def wrmsse(p):
    def of_node(rows, ids, cutoff, **_):
        sums = rows.groupby("ds")[["y", "forecast"]].sum()
        mse = np.mean([(f - y) ** 2 for y, f in sums.to_numpy()])
        return (mse / node_scale(p, ids, cutoff, 2)) ** 0.5

    return over_hierarchy(p, of_node)


def wspl(p):
    def of_node(rows, ids, cutoff, *, bottom):
        losses = []
        for _, now in rows.groupby("ds"):
            paths = now[PATHS].sum().to_numpy()
            quantiles = {q: now[f"q{q}"].iloc[0] if bottom else np.quantile(paths, q) for q in LEVELS}
            y = now["y"].sum()
            losses += [max(q * (y - at), (q - 1) * (y - at)) for q, at in quantiles.items()]
        return np.mean(losses) / node_scale(p, ids, cutoff, 1)

    return over_hierarchy(p, of_node)


def warned(in_stock):
    def share(p):
        rows = p.rows[(p.rows["in_stock"] == 1) == in_stock]
        return 100 * np.mean([r.forecast > r.y for r in rows.itertuples()])

    return share


INDEPENDENT = {
    "rmse": lambda p: root_mean_squared_error(p.seen["y"], p.seen["forecast"]),
    "mae": lambda p: mean_absolute_error(p.seen["y"], p.seen["forecast"]),
    "mape": lambda p: (
        100 * mean_absolute_percentage_error(*p.seen.loc[p.seen["y"] > 0, ["y", "forecast"]].T.to_numpy())
    ),
    "smape": loop(lambda r: 200 * abs(r.error) / (r.y + r.forecast)),
    "wape": lambda p: 100 * sum(abs(e) for e in p.seen["error"]) / sum(p.seen["y"]),
    "bias": lambda p: 100 * (sum(p.seen["forecast"]) - sum(p.seen["y"])) / sum(p.seen["y"]),
    "mean_error": loop(lambda r: r.forecast - r.y),
    "tracking_signal": by_series(tracking),
    "mase": by_series(scaled),
    "rmsse": by_series(scaled_squared),
    "wrmsse": wrmsse,
    "wspl": wspl,
    "relative_mae": relative_mae,
    "fva": forecast_value_added,
    "pinball": pinball,
    "pinball_0.9": lambda p: mean_pinball_loss(p.seen["y"], p.seen["q0.9"], alpha=0.9),
    "crps": crps,
    "coverage_80": lambda p: 100 * np.mean([low <= y <= up for y, low, up in p.seen[["y", "q0.1", "q0.9"]].to_numpy()]),
    "interval_score_80": interval_score,
    "calibration_error": calibration_error,
    "newsvendor_cost": loop(lambda r: r.underage * max(r.y - r.forecast, 0) + r.overage * max(r.forecast - r.y, 0)),
    "underage_cost": loop(lambda r: r.underage * max(r.y - r.forecast, 0)),
    "overage_cost": loop(lambda r: r.overage * max(r.forecast - r.y, 0)),
    "trend_weighted_cost": trend_weighted,
    "cost_per_unit": lambda p: (
        sum(r.underage * max(-r.error, 0) + r.overage * max(r.error, 0) for r in p.seen.itertuples()) / sum(p.seen["y"])
    ),
    "spec": spec,
    "stockout_recall": warned(in_stock=False),
    "false_warning_rate": warned(in_stock=True),
}


def test_every_metric_of_forecasts_has_an_independent_implementation():
    assert set(INDEPENDENT) - {"pinball_0.9"} == set(NAMES)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_metric_equals_an_independent_implementation(name, scores, alone, panel):
    table = (alone if name in OVER_LEVELS else scores).table.set_index(["model", "metric", "axis", "group"])
    found = table.loc[("m", name, "total", "all")]
    assert found["value"] == pytest.approx(INDEPENDENT[name](panel), rel=1e-10)
    assert found["n_obs"] > 0


@pytest.mark.parametrize("name", OVER_LEVELS)
def test_model_that_leaves_out_what_another_forecasts_has_no_score_over_a_hierarchy(name, scores):
    total = scores.table.query("axis == 'total' and model == 'm'").set_index("metric")
    assert np.isnan(total.loc[name, "value"])
    assert total.loc[name, "n_missing"] > 0


def test_data_have_what_hides_faults(panel):
    """Zeros, exact hits, series of other lengths, stockouts that are judged, forecasts that are lacking."""
    assert (panel.seen["y"] == 0).any()
    assert (panel.seen["error"] == 0).any()
    assert all((panel.seen["y"] == panel.seen[f"q{q}"]).any() for q in (0.1, 0.9))
    assert (panel.rows["in_stock"] < 1).any()
    assert panel.sales.groupby("unique_id")["ds"].agg(["min", "max"]).nunique().min() > 1
    assert len(panel.forecasts) < 2 * len(STORES) * 4 * len(WINDOWS)
    assert panel.seen["base"].isna().any()


def test_calibration_curve_equals_a_count(scores, panel):
    curve = scores.calibration.set_index(["model", "level"])
    for q in LEVELS:
        reached = [quantile >= y for y, quantile in panel.seen[["y", f"q{q}"]].to_numpy()]
        assert curve.loc[("m", q), "share"] == pytest.approx(np.mean(reached))
        assert curve.loc[("m", q), "n_obs"] == len(reached)


def test_wspl_without_quantiles_reads_the_levels_of_m5_off_the_paths(context, panel):
    bare = Panel(panel.sales, panel.forecasts.drop(columns=[f"q{q}" for q in LEVELS]), panel.prices)
    given = Forecasts("m", lambda w: bare.forecasts[bare.forecasts["cutoff"] == w.cutoff].drop(columns=PATHS),
                      lambda w: bare.forecasts[bare.forecasts["cutoff"] == w.cutoff])  # fmt: skip
    found = score_panel(context, given, metrics_named(["wspl"])).scores.table.iloc[0]

    def of_node(rows, ids, cutoff, **_):
        losses = []
        for _, now in rows.groupby("ds"):
            sums, y = now[PATHS].sum(), now["y"].sum()
            losses += [max(q * (y - sums.quantile(q)), (q - 1) * (y - sums.quantile(q))) for q in M5_LEVELS]
        return np.mean(losses) / node_scale(panel, ids, cutoff, 1)

    assert found["value"] == pytest.approx(over_hierarchy(panel, of_node))


def test_crps_of_evenly_centred_levels_is_that_of_scoringrules(panel):
    levels = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    rng = np.random.default_rng(3)
    keys = panel.seen["unique_id"] + panel.seen["cutoff"].dt.strftime(" %d %b")
    wide = pd.DataFrame({"unique_id": keys, "ds": panel.seen["ds"], "y": panel.seen["y"], "m": panel.seen["forecast"]})
    quantiles = np.sort(rng.gamma(2.0, 4.0, (len(wide), 5)), axis=1)
    wide[[f"m_ql{q}" for q in levels]] = quantiles
    found = evaluate(wide, ["crps"], by=()).table["value"].iloc[0]
    assert found == pytest.approx(
        scoringrules.crps_quantile(wide["y"].to_numpy(), quantiles, levels, backend="numpy").mean()
    )
