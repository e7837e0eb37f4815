"""Real sales: LightGBM trained on our loss against squared error with a calibrated residual quantile, in money.

    python benchmarks/m5.py [--data FOLDER] [--every N]

Data: M5 (Walmart), stores CA_1 and TX_1, 6,098 series, 59 whole weeks; not part of this project, see README. FOLDER
holds `m5_two_stores`, and defaults to $FORECAST_EVAL_DATA. Sales are taken for demand, and prices are real. Costs are
not published, so they are set here: an item's margin is drawn between 20 and 60 % of its price; FOODS_3 sells for one
week, other foods for two, the rest for four; nothing is salvaged; a week's holding is 1 % of the unit cost. Critical
ratios then run from .2 to .85. Lives are short against the ten judged weeks, so that what is over is written off within
them; stock left at the end counts at cost, and in a second line as written off.

The game: each week order up to a level; what is ordered is for sale from the week after the next cutoff on (lead time
1); unmet demand is lost. Both models share rows, features (the critical ratio among them) and LightGBM's parameters:

- squared error: a forecast of the demand that the order must cover, plus the residual quantile at the SKU's critical
  ratio, of held-out weeks, scaled by the root of the forecast, within tenths of the forecast; then fitted again on all.
- ours: NewsvendorRegressor, fitted with each row's unit costs; its forecast is the level.

Each is judged as it is, and with the factor on its level that earned most in eight earlier weeks, by models that had
not seen those. Differences are paired and clustered by item and week.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from forecast_eval.economics import Economics
from forecast_eval.inference import Interval, total_interval
from forecast_eval.simulate import InventorySystem, Ledger, Prices, Rule, Start, Supply, kpis, play
from losses.lightgbm import NewsvendorRegressor

FIRST_DAY = 1499  # the first whole M5 week of the data
FIRST, CHOICE, JUDGED, LAST = 13, 38, 47, 57  # cutoffs [week]: first with features, of choice, judged, and the end
LEAD = 1
LIFE = {"FOODS_3": 1.0, "FOODS_1": 2.0, "FOODS_2": 2.0}
PARAMS = {
    "n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31, "min_child_samples": 50, "n_jobs": 1,
    "random_state": 0, "verbose": -1,
}  # fmt: skip
FACTORS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)


@dataclass(frozen=True)
class Panel:
    """Sales [series, week], the calendar's facts by week, and the terms of each series."""

    ids: np.ndarray
    items: np.ndarray
    departments: np.ndarray
    stores: np.ndarray
    sales: np.ndarray
    prices: np.ndarray  # [series, week], the last known one
    snap: np.ndarray  # [series, week] days on which food stamps can be spent
    events: np.ndarray  # [week]
    dates: pd.DatetimeIndex
    terms: Economics

    @property
    def alone(self) -> np.ndarray:
        """Goods that expire before the next delivery: an order covers one week, not two [series]."""
        return self.terms.field("shelf_life", self.ids) <= LEAD


def read(folder: Path, every: int) -> Panel:
    """M5 by week; `every` keeps each n-th item, for a quick look."""
    table = pd.read_csv(folder / "sales_train_validation.csv.gz")
    keep = np.isin(table["item_id"], sorted(table["item_id"].unique())[::every])
    table = table[keep].reset_index(drop=True)
    calendar = pd.read_csv(folder / "calendar.csv", parse_dates=["date"]).set_index("d")
    weeks = (1913 - FIRST_DAY + 1) // 7
    days = [f"d_{FIRST_DAY + k}" for k in range(7 * weeks)]
    sales = table[days].to_numpy(dtype=float).reshape(len(table), weeks, 7).sum(axis=2)
    facts = calendar.loc[days]
    snap = {s: facts[f"snap_{s}"].to_numpy().reshape(weeks, 7).sum(axis=1) for s in ("CA", "TX")}
    events = facts["event_name_1"].notna().to_numpy().reshape(weeks, 7).sum(axis=1)
    numbers = facts["wm_yr_wk"].to_numpy()[::7]
    paid = pd.read_csv(folder / "sell_prices.csv.gz").pivot_table(
        index=["item_id", "store_id"], columns="wm_yr_wk", values="sell_price"
    )
    prices = paid.reindex(columns=numbers).reindex(pd.MultiIndex.from_frame(table[["item_id", "store_id"]]))
    prices = prices.ffill(axis=1).bfill(axis=1).to_numpy()
    ids = (table["item_id"] + "_" + table["store_id"]).to_numpy(dtype=object)
    return Panel(
        ids, table["item_id"].to_numpy(), table["dept_id"].to_numpy(), table["store_id"].to_numpy(), sales, prices,
        np.stack([snap[s] for s in table["state_id"]]), events,
        pd.DatetimeIndex(facts["date"].to_numpy()[::7]), terms_of(table, ids, prices),
    )  # fmt: skip


def terms_of(table: pd.DataFrame, ids: np.ndarray, prices: np.ndarray) -> Economics:
    """Terms at the last price before any judged week; an item's margin is the same in both stores."""
    items = sorted(table["item_id"].unique())
    margin = dict(zip(items, np.random.default_rng(0).uniform(0.2, 0.6, len(items)), strict=True))
    price = prices[:, CHOICE]
    cost = price * (1 - table["item_id"].map(margin).to_numpy())
    life = table["dept_id"].map(lambda d: LIFE.get(d, 4.0)).to_numpy()
    return Economics.of(
        pd.DataFrame(
            {"unique_id": ids, "price": price, "unit_cost": cost, "holding": 0.01 * cost, "shelf_life": life,
             "lead_time": LEAD, "pack_size": 1.0}
        )
    )  # fmt: skip


def features(panel: Panel, cutoff: int) -> pd.DataFrame:
    """What is known at a cutoff, one row a series."""
    past = panel.sales[:, : cutoff + 1]
    mean = {w: past[:, -w:].mean(axis=1) for w in (2, 4, 8, 13)}
    price = panel.prices[:, : cutoff + 1]
    coming = slice(cutoff + 1, cutoff + 3)  # the calendar is known ahead
    ratio = panel.terms.unit_costs(panel.ids).critical_ratio()
    return pd.DataFrame(
        {
            **{f"lag{k}": past[:, -1 - k] for k in range(5)},
            **{f"mean{w}": m for w, m in mean.items()},
            "spread13": past[:, -13:].std(axis=1), "largest8": past[:, -8:].max(axis=1),
            "zeros8": (past[:, -8:] == 0).mean(axis=1), "weeks_since_sale": since_sale(past),
            "price": price[:, -1], "price_move": price[:, -1] / price[:, -8:].mean(axis=1),
            "snap_1": panel.snap[:, coming][:, 0], "snap_2": panel.snap[:, coming][:, 1],
            "events_1": panel.events[coming][0], "events_2": panel.events[coming][1],
            "week": panel.dates[cutoff].week, "alone": panel.alone, "critical_ratio": ratio,
            "department": pd.Categorical(panel.departments), "store": pd.Categorical(panel.stores),
        }
    )  # fmt: skip


def since_sale(past: np.ndarray) -> np.ndarray:
    """Weeks since the last sale [series]; 99 where there was none."""
    sold = past[:, ::-1] > 0
    return np.where(sold.any(axis=1), sold.argmax(axis=1), 99)


def to_cover(panel: Panel, cutoff: int) -> np.ndarray:
    """Demand that the order of a cutoff must cover [series]: of two weeks, or of its own where goods stand alone."""
    ahead = panel.sales[:, cutoff + 1 : cutoff + 3]
    return np.where(panel.alone, ahead[:, 1], ahead.sum(axis=1))


@dataclass(frozen=True)
class Rows:
    """Rows of some cutoffs; series that were not yet sold anywhere are left out of training."""

    x: pd.DataFrame
    y: np.ndarray
    costs: np.ndarray  # [row, underage and overage]

    @classmethod
    def of(cls, panel: Panel, cutoffs: range) -> Rows:
        """Features, demand to cover and unit costs of the cutoffs."""
        costs = panel.terms.unit_costs(panel.ids)
        table = np.column_stack([costs.underage, costs.overage])
        parts = [(features(panel, c), to_cover(panel, c), panel.sales[:, : c + 1].any(axis=1)) for c in cutoffs]
        return cls(
            pd.concat([x[sold] for x, _, sold in parts], ignore_index=True),
            np.concatenate([y[sold] for _, y, sold in parts]),
            np.concatenate([table[sold] for *_, sold in parts]),
        )


class SquaredError:
    """Mean forecast plus a residual quantile at the critical ratio, calibrated on weeks it had not seen."""

    def __init__(self, train: Rows, held_out: Rows) -> None:
        early = LGBMRegressor(**PARAMS).fit(train.x, train.y)
        self.fitted = early
        mean = np.maximum(early.predict(held_out.x), 0.0)
        scaled = (held_out.y - mean) / np.sqrt(mean + 0.5)
        self.edges = np.quantile(mean, np.linspace(0.1, 0.9, 9))
        place = np.searchsorted(self.edges, mean)
        self.residuals = [np.sort(scaled[place == k]) for k in range(10)]

    def refit(self, everything: Rows) -> None:
        """Fit the mean on all rows; the residuals stay those of held-out weeks."""
        self.fitted = LGBMRegressor(**PARAMS).fit(everything.x, everything.y)

    def levels(self, x: pd.DataFrame) -> np.ndarray:
        """Order-up-to levels [row]."""
        mean, ratio = np.maximum(self.fitted.predict(x), 0.0), x["critical_ratio"].to_numpy()
        place = np.searchsorted(self.edges, mean)
        extra = np.empty_like(mean)
        for k, residuals in enumerate(self.residuals):
            extra[place == k] = np.quantile(residuals, ratio[place == k])
        return np.maximum(mean + extra * np.sqrt(mean + 0.5), 0.0)


def ours(rows: Rows) -> NewsvendorRegressor:
    """The same trees on money."""
    return NewsvendorRegressor(**PARAMS).fit(rows.x, rows.y, costs=rows.costs)


def judge(panel: Panel, levels: np.ndarray, cutoffs: range) -> Ledger:
    """Play the orders of some cutoffs; levels [series, cutoff]. The first week is the same for all, and not judged."""
    weeks = slice(cutoffs[0] + 1, cutoffs[-1] + 2 + LEAD)
    demand = panel.sales[:, weeks]
    orders = {week: Rule(level) for week, level in enumerate(np.rint(levels).T)}
    cover = np.where(panel.alone, 1, 2) * panel.sales[:, cutoffs[0] - 7 : cutoffs[0] + 1].mean(axis=1)
    system = InventorySystem(Supply.of(panel.terms, panel.ids), Start(np.ceil(cover), np.zeros((len(cover), 0))))
    governing = np.tile(np.arange(demand.shape[1]) - LEAD, (len(demand), 1))
    dates = panel.dates[weeks]
    prices = Prices.of(panel.terms, panel.ids, dates)
    return Ledger(panel.ids, dates, governing, demand, play(system, demand, orders), prices)


def profit(ledger: Ledger, cutoffs: range) -> np.ndarray:
    """Money of each series and cutoff."""
    return ledger.by_cutoff(ledger.profit, len(cutoffs))


def best_factor(panel: Panel, levels: np.ndarray, cutoffs: range) -> float:
    """Factor on the levels that earned most."""
    return max(FACTORS, key=lambda f: profit(judge(panel, f * levels, cutoffs), cutoffs).sum())


def over(panel: Panel, cutoffs: range, model: SquaredError | NewsvendorRegressor) -> np.ndarray:
    """Order-up-to levels [series, cutoff]."""
    predict = model.levels if isinstance(model, SquaredError) else model.predict
    return np.maximum(np.stack([predict(features(panel, c)) for c in cutoffs], axis=1), 0.0)


def main() -> None:
    """Fit, choose, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FORECAST_EVAL_DATA", "data")))
    parser.add_argument("--every", type=int, default=1, help="keep each n-th item only")
    given = parser.parse_args()
    folder = given.data / "m5_two_stores"
    if not folder.is_dir():
        parser.error(f"no folder {folder}: set FORECAST_EVAL_DATA, or give --data")
    panel = read(folder, given.every)
    early, held_out, everything = (
        Rows.of(panel, range(*r)) for r in ((FIRST, CHOICE - 2), (CHOICE, JUDGED - 1), (FIRST, JUDGED - 1))
    )
    choice, judged = range(CHOICE, JUDGED - 1), range(JUDGED, LAST)
    print(f"{len(panel.ids)} series, {len(everything.y)} training rows, {len(judged)} judged weeks")

    clock = time.process_time()
    squared = SquaredError(early, held_out)
    levels = {"squared error": over(panel, choice, squared)}
    squared.refit(everything)
    seconds = {"squared error": time.process_time() - clock}
    clock = time.process_time()
    levels["ours"] = over(panel, choice, ours(early))
    last = ours(everything)
    seconds["ours"] = time.process_time() - clock
    factor = {name: best_factor(panel, level, choice) for name, level in levels.items()}
    final = {"squared error": over(panel, judged, squared), "ours": over(panel, judged, last)}
    report(panel, judged, final, factor)
    print(f"training time: ours {seconds['ours'] / seconds['squared error']:.2f} x squared error")


def report(panel: Panel, judged: range, final: dict[str, np.ndarray], factor: dict[str, float]) -> None:
    """Table of money, the paired differences, and the answer as one sentence."""
    print(
        f"{'':34} {'profit a week':>13} {'fill rate':>9} {'waste':>7} {'holding':>8} {'stock left':>10} {'coverage':>8}"
    )
    covered = np.stack([to_cover(panel, c) for c in judged], axis=1)
    clusters, weeks = np.unique(panel.items, return_inverse=True)[1], np.arange(len(judged))
    for kind in ("untuned", "tuned"):
        ledgers = {}
        for name, level in final.items():
            scale = factor[name] if kind == "tuned" else 1.0
            ledgers[name] = judge(panel, scale * level, judged)
            met = (np.rint(scale * level) >= covered).mean()
            line(f"{name}, {kind}" + (f" (level x {scale:g})" if kind == "tuned" else ""), ledgers[name], weeks, met)
        for valued, at_end in (("at cost", 0.0), ("written off", 1.0)):
            ours, squared = (earned(ledgers[n], judged, at_end) for n in ("ours", "squared error"))
            gap = total_interval(ours - squared, clusters, weeks)
            share = gap.estimate / (squared.sum() / len(judged))
            print(f"  ours minus squared error, stock left {valued}: {words(gap)} a week, {share:+.2%}")
            if kind == "tuned" and not at_end:
                verdict = "more than" if gap.low > 0 else "less than" if gap.high < 0 else "as much, within noise, as"
                last = f"M5: LightGBM on money earns {verdict} on squared error plus residual quantile"
                last += f": {words(gap)} a week"
    print(last)


def line(label: str, ledger: Ledger, weeks: np.ndarray, covered: float) -> None:
    """One line of the table."""
    k = kpis(ledger, weeks=len(weeks), days_per_period=7)
    print(
        f"{label:34} {k['profit']:13,.0f} {k['fill_rate']:9.3f} {k['waste']:7,.0f} {k['holding_cost']:8,.0f} "
        f"{k['end_stock']:10,.0f} {covered:8.3f}"
    )


def earned(ledger: Ledger, cutoffs: range, written_off: float) -> np.ndarray:
    """Profit of each series and cutoff, less the given share of the cost of stock left, spread over the weeks."""
    left = ledger.prices.unit_cost[:, -1] * ledger.flows.on_hand[:, -1]
    return profit(ledger, cutoffs) - written_off * left[:, None] / len(cutoffs)


def words(gap: Interval) -> str:
    """An interval in money."""
    return f"USD {gap.estimate:,.0f} (from {gap.low:,.0f} to {gap.high:,.0f})"


if __name__ == "__main__":
    main()
