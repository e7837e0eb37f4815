"""Laws of the scorecard: points, limits, what is not measured, refused configs, and the page."""

import math
import os
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from backtest import InputError
from forecast_eval.config import config_of
from forecast_eval.pipeline import advance, open_session
from forecast_eval.scorecard import (
    Criterion,
    Figure,
    Figures,
    Gap,
    Mark,
    Review,
    cards_of,
    check_scorecard,
    criteria_of,
    metrics_wanted,
    review_of,
    write_scorecard,
)
from forecast_eval.scorecard.cards import sentence
from forecast_eval.scorecard.words import Printer
from forecast_eval.scores import Metric

NAN, NOWHERE = math.nan, Path()
HIGHER = Criterion(Metric("profit", "", "currency", "higher", source="simulator"), weight=3, floor=40, ceiling=90)
LOWER = Criterion(Metric("wape", "", "%", "lower"), weight=1, floor=20, ceiling=60)
ZERO = Criterion(Metric("bias", "", "%", "zero"), weight=2, floor=1, ceiling=5)
HOSTILE = "</style><script>alert(1)</script><img src=x>"
UPLIFT = {"name": "sales_uplift", "formula": "with / without - 1", "unit": "share", "direction": "higher",
          "source": "online"}  # fmt: skip
CONFIG = {
    "name": "market",
    "data": {"world": {"stores": 3, "skus": 4, "weeks": 80}},
    "backtest": {"horizon": 3, "windows": 8, "workers": 1, "hidden_demand": "fill", "quantiles": [0.1, 0.5, 0.9]},
    "forecasters": {
        "average": {"kind": "seasonal_average", "window": 8, "season": "none"},
        "naive": {"kind": "statsforecast", "model": "Naive"},
    },
    "score": {"metrics": ["rmse", "wape", "bias"], "by": ["category"]},
    "simulate": {"judged": 4, "scenarios": 50},
    "compare": {"incumbent": "naive", "cluster": "store"},
}
CARD = {
    "title": "Launch of the average?",
    "metrics": [
        {"metric": "profit", "weight": 3, "floor": 1, "ceiling": 100_000},
        {"metric": "profit", "weight": 1, "floor": -1e6, "ceiling": 1e6, "axis": "trend", "group": "trending"},
        {"metric": "fill_rate", "weight": 2, "floor": 0.02},
        {"metric": "wape", "weight": 1, "ceiling": 900},
        {"metric": UPLIFT, "weight": 2, "floor": 0, "ceiling": 0.05},
    ],
}


def config(*metrics, **changes):
    return config_of({**CONFIG, **changes, "scorecard": {"metrics": list(metrics)}}, "c.yaml")


def card_of(*pairs):
    """Card of one model; pairs of criterion and value."""
    criteria, values = zip(*pairs, strict=True)
    return cards_of(criteria, {"ours": [Figure(value) for value in values]}, "naive")[0]


def review(names=("ours", "naive"), values=((80.0, 30.0, -2.0), (50.0, 70.0, 3.0))):
    criteria = (HIGHER, LOWER, ZERO)
    figures = {n: [Figure(v, v - 1, v + 1, Gap(4.0, -1.0, 9.0)) for v in own]
               for n, own in zip(names, values, strict=True)}  # fmt: skip
    return Review("May it launch?", criteria, cards_of(criteria, figures, "naive"), "naive", "EUR", 0.95,
                  ("a note",), (("run", "r1"),))  # fmt: skip


def faults_of(*metrics, **changes):
    with pytest.raises(InputError) as refused:
        criteria_of(config(*metrics, **changes), NOWHERE)
    return [str(fault) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("criterion", "worst_to_best"),
    [(HIGHER, np.linspace(30, 100, 41)), (LOWER, np.linspace(70, 10, 41)), (ZERO, np.linspace(-6.5, 0, 41)),
     (ZERO, np.linspace(6.5, 0, 41))],
)  # fmt: skip
def test_points_never_fall_as_a_value_gets_better(criterion, worst_to_best):
    points = [criterion.points(value) for value in worst_to_best]
    assert all(one <= other for one, other in pairwise(points))
    assert points[0] == 0
    assert points[-1] == 100
    assert len(set(points)) > 20


@pytest.mark.parametrize(
    ("criterion", "value", "points"),
    [(HIGHER, 50, 20), (HIGHER, 80, 80), (LOWER, 30, 75), (LOWER, 50, 25), (ZERO, -2, 75), (ZERO, 4, 25)],
)
def test_points_are_linear_between_the_ends(criterion, value, points):
    assert criterion.points(value) == pytest.approx(points)


@pytest.mark.parametrize(
    ("criterion", "at", "beyond"), [(HIGHER, 40, 39.99), (LOWER, 60, 60.01), (ZERO, -5, -5.01), (ZERO, 5, 5.01)]
)
def test_the_limit_itself_is_kept_and_what_is_beyond_fails_without_points(criterion, at, beyond):
    assert not card_of((criterion, at)).fails
    failed = card_of((criterion, beyond))
    assert failed.fails
    assert failed.total == 0


def test_one_limit_fails_a_model_whatever_its_total():
    card = card_of((replace(HIGHER, weight=99), 90), (replace(LOWER, weight=1), 61))
    assert card.total == pytest.approx(99)
    assert card.verdict[0] == "fails 1 limit: WAPE"


def test_the_total_is_the_weighted_mean_of_the_points():
    assert card_of((HIGHER, 50), (LOWER, 30), (ZERO, 4)).total == pytest.approx((3 * 20 + 1 * 75 + 2 * 25) / 6)


def test_weights_count_by_their_ratio_only():
    card = card_of((HIGHER, 50), (LOWER, 30))
    tenfold = card_of((replace(HIGHER, weight=30), 50), (replace(LOWER, weight=10), 30))
    assert tenfold.total == pytest.approx(card.total)


def test_a_metric_without_weight_has_a_limit_and_no_points():
    bare = replace(LOWER, weight=0)
    assert card_of((HIGHER, 50), (bare, 30)).total == pytest.approx(20)
    assert card_of((HIGHER, 50), (bare, 61)).fails


def test_what_is_not_measured_leaves_the_total_and_is_no_pass():
    card = card_of((HIGHER, 50), (LOWER, NAN), (ZERO, 4))
    assert card.total == pytest.approx((3 * 20 + 2 * 25) / 5)
    assert card.coverage == "1 of 6 of the weight is not measured"
    assert card.marks[1].standing == "not measured"
    assert card.verdict == ("within all limits that are measured", "not measured: WAPE")


def test_a_model_of_which_nothing_is_measured_has_no_total_and_is_within_nothing():
    card = card_of((HIGHER, NAN), (ZERO, NAN))
    assert math.isnan(card.total)
    assert card.verdict[0] == "nothing is measured"
    assert "ours" not in sentence([card])


@pytest.mark.parametrize(
    ("criterion", "value", "standing"),
    [(LOWER, math.inf, "fails"), (HIGHER, -math.inf, "fails"), (HIGHER, math.inf, "not measured")],
)
def test_an_infinite_value_is_never_a_pass(criterion, value, standing):
    assert Mark(criterion, Figure(value)).standing == standing


@pytest.mark.parametrize(
    ("criterion", "value", "low", "high", "standing"),
    [
        (HIGHER, 50, 41, 95, "passes"), (HIGHER, 50, 39, 61, "not sure"), (LOWER, 50, 10, 59, "passes"),
        (LOWER, 50, 39, 61, "not sure"), (ZERO, 1, -4, 4, "passes"), (ZERO, 1, -6, 4, "not sure"),
        (ZERO, 1, -4, 6, "not sure"), (HIGHER, 39, 30, 50, "fails"), (HIGHER, 50, NAN, NAN, "passes"),
    ],
)  # fmt: skip
def test_a_pass_is_not_sure_where_its_interval_reaches_beyond_the_limit(criterion, value, low, high, standing):
    assert Mark(criterion, Figure(value, low, high)).standing == standing


def test_models_that_fail_stand_behind_those_that_do_not():
    values = {"rich": (90, 61), "poor": (45, 59), "fair": (70, 40), "blank": (NAN, NAN)}
    cards = cards_of((HIGHER, LOWER), {m: [Figure(v) for v in own] for m, own in values.items()}, "fair")
    assert [card.model for card in cards] == ["fair", "poor", "blank", "rich"]
    assert [card.model for card in cards if card.is_incumbent] == ["fair"]
    assert sentence(cards) == "Within all limits: fair, poor; beyond a limit: rich."


def test_ends_that_are_left_out_are_those_of_the_metric():
    found = criteria_of(config(
        {"metric": "wape", "ceiling": 60}, {"metric": "bias", "ceiling": 5}, {"metric": "fill_rate", "floor": 0.95},
        {"metric": "stockout_recall", "floor": 30},
    ), NOWHERE)  # fmt: skip
    assert [(c.floor, c.ceiling) for c in found] == [(0, 60), (0, 5), (0.95, 1), (30, 100)]
    assert [(c.limit, c.goal) for c in found] == [(60, 0), (5, 0), (0.95, 1), (30, 100)]
    assert {c.weight for c in found} == {1}


def test_every_fault_of_a_scorecard_is_told_at_once():
    told = faults_of(
        {"metric": "wape"}, {"metric": "profit"}, {"metric": "profitt"}, {"metric": "days_of_supply", "floor": 1},
        {"metric": "coverage_80", "floor": 70}, {"metric": "fill_rate", "floor": 95},
        {"metric": "bias", "floor": -1, "ceiling": 5}, {"metric": "rmse", "floor": 9, "ceiling": 4},
    )  # fmt: skip
    expected = (
        "scorecard.metrics.0: wape has no ceiling, the limit beyond which a model fails",
        "scorecard.metrics.1: profit has no floor, the limit beyond which a model fails",
        "scorecard.metrics.1: profit has no ceiling, where 100 points are reached",
        "scorecard.metrics.2: unknown metric 'profitt'; did you mean 'profit'?",
        "scorecard.metrics.3: days_of_supply has no good end",
        "scorecard.metrics.4: coverage_80 has no ceiling, where 100 points are reached: higher is better; add ceiling",
        "scorecard.metrics.5: fill_rate is a share, and never above 1; write 0.95",
        "scorecard.metrics.6: floor -1 of bias: it is a distance from 0",
        "scorecard.metrics.7: floor 9 of rmse is not below its ceiling 4",
    )
    assert len(told) == len(expected)
    for line, start in zip(told, expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([{"metric": "wape", "ceilng": 60}], "metrics.0.ceilng: unknown key 'ceilng'; did you mean 'ceiling'?"),
        ([{"metric": "wape", "ceiling": 60, "weight": -1}], "metrics.0.weight: -1: Input should be greater than"),
        ([{"metric": "wape", "ceiling": math.inf}], "metrics.0.ceiling: inf: Input should be a finite number"),
        ([{"metric": "wape", "ceiling": 60, "group": "trending"}], "axis 'total' with group 'trending': give both"),
        ([{"metric": "wape", "ceiling": 60}, {"metric": "wape", "ceiling": 9}], "wape stands twice for the same group"),
        ([{"metric": "wape", "ceiling": 60, "weight": 0}], "every weight is 0"),
        ([], "at least 1 item"),
    ],
)  # fmt: skip
def test_a_section_that_makes_no_sense_is_refused(metrics, message):
    with pytest.raises(InputError, match=re.escape(message)):
        config(*metrics)


def test_metrics_of_forecasts_that_are_not_scored_yet_are_wanted_once():
    told = config(
        {"metric": "wape", "ceiling": 60}, {"metric": "mase", "ceiling": 1}, {**CARD["metrics"][0]},
        {"metric": "mase", "ceiling": 1, "axis": "trend", "group": "trending"}, {**CARD["metrics"][4]},
    )  # fmt: skip
    assert [metric.name for metric in metrics_wanted(told, NOWHERE)] == ["mase"]


def test_a_metric_of_the_teams_own_is_known_by_its_name(tmp_path):
    (tmp_path / "team.yaml").write_text(yaml.safe_dump({"drift": {
        "formula": "sum of errors", "unit": "units", "direction": "zero", "numerator": "error",
    }}))  # fmt: skip
    told = config({"metric": "drift", "ceiling": 3}, score={"metrics": ["wape"], "catalogue": ["team.yaml"]})
    assert criteria_of(told, tmp_path)[0].metric.direction == "zero"


@pytest.mark.parametrize(("value", "printed"), [(0.962, "96.2%"), (0.9498, "94.98%"), (0.94999, "94.999%")])
def test_a_value_never_looks_like_a_limit_that_it_is_not(value, printed):
    fill = Criterion(Metric("fill_rate", "", "share", "higher"), weight=1, floor=0.95, ceiling=0.99)
    printer = Printer.of(fill, [Figure(value)])
    assert printer.value(value) == printed
    assert printer.end(fill.floor) == "95%"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Session of a small market whose simulation is done."""
    folder = tmp_path_factory.mktemp("market")
    (folder / "market.yaml").write_text(yaml.safe_dump({**CONFIG, "scorecard": CARD}))
    session = open_session(folder / "market.yaml", root=folder / "runs", upto="simulate")
    advance(session, "simulate")
    return session


def test_figures_are_those_of_the_runs_tables(session):
    found = review_of(session)
    money, segments, scores = (session.run.read(name) for name in ("money", "segments", "scores"))
    for card in found.cards:
        own = money[money["model"] == card.model].iloc[0]
        trend = segments[(segments["model"] == card.model) & (segments["segment"] == "trending")].iloc[0]
        total = scores[(scores["axis"] == "total") & (scores["metric"] == "wape")].set_index("model")["value"]
        profit, trending, fill, wape, uplift = (mark.figure for mark in card.marks)
        assert (profit.value, profit.low, profit.high) == (own["profit"], own["profit_low"], own["profit_high"])
        assert (profit.gap.value, profit.gap.low) == (own["difference"], own["low"])
        assert (trending.value, trending.gap.high) == (trend["profit"], trend["high"])
        assert fill.value == own["fill_rate"]
        assert wape.value == total[card.model]
        assert wape.low < wape.value < wape.high
        assert math.isnan(uplift.value)


def test_figures_of_a_group_are_those_of_its_axis(session):
    static, kpis = session.inputs.history.static["category"], session.run.read("kpis")
    group, figures = str(static.iloc[0]), Figures.of_run(session.run)
    profit = figures.of(replace(HIGHER, axis="category", group=group), "naive")
    rows = kpis[(kpis["model"] == "naive") & (kpis["axis"] == "category") & (kpis["group"] == group)]
    assert [profit.value] == list(rows["profit"])
    scores = session.run.read("scores")
    rows = scores[(scores["model"] == "average") & (scores["group"] == group) & (scores["metric"] == "wape")]
    assert [figures.of(replace(LOWER, axis="category", group=group), "average").value] == list(rows["value"])


def test_a_score_on_other_observations_has_no_interval(session):
    def read(name):
        table = session.run.read(name)
        return table.assign(value=table["value"] + 1) if name == "leaderboard" else table

    assert math.isfinite(Figures(session.run.read).of(LOWER, "naive").low)
    assert math.isnan(Figures(read).of(LOWER, "naive").low)


def test_a_model_without_money_says_why_its_key_figures_are_missing(session):
    figures = Figures(session.run.read, {"average": "average was left out of the money: no forecasts"})
    assert figures.of(HIGHER, "average").why == "average was left out of the money: no forecasts"
    assert figures.of(HIGHER, "naive").why == ""


def test_groups_that_do_not_exist_are_refused_before_anything_runs(session):
    told = config(
        {"metric": "wape", "ceiling": 9, "axis": "trend", "group": "trendin"},
        {"metric": "wape", "ceiling": 9, "axis": "categry", "group": "dairy"},
        {"metric": "fill_rate", "floor": 0.1, "axis": "trend", "group": "trending"},
        {"metric": "profit", "floor": 1, "ceiling": 2, "axis": "store", "group": "S99"},
        {"metric": "rmse", "ceiling": 2, "axis": "step", "group": 3},
    )
    with pytest.raises(InputError) as refused:
        check_scorecard(told, session.base, session.inputs.history)
    lines = [str(fault) for fault in refused.value.faults]
    assert len(lines) == 4
    assert "group 'trendin' of axis trend does not exist; did you mean 'trending'?" in lines[0]
    assert "axis 'categry' of wape does not exist; did you mean 'category'?" in lines[1]
    assert "fill_rate is not broken down by trend; take one of profit" in lines[2]
    assert "group 'S99' of axis store does not exist" in lines[3]


def test_the_command_prints_the_cards_and_writes_the_page(session, call):
    code, out, _ = call("scorecard", session.run.path)
    assert code == 0
    assert max(len(line) for line in out.splitlines() if str(session.run.path) not in line) <= 100
    assert "2 of 9 of the weight is not measured" in " ".join(out.split())
    assert "no online test has measured it yet" in " ".join(out.split())
    page = (session.run.path / "scorecard.html").read_text(encoding="utf-8")
    assert "Launch of the average?" in page
    assert page.count("naive") > 2


def test_a_config_without_scorecard_is_refused_before_anything_runs(tmp_path, call):
    (tmp_path / "market.yaml").write_text(yaml.safe_dump(CONFIG))
    code, _, err = call("scorecard", tmp_path / "market.yaml", "--runs", tmp_path / "runs")
    assert code == 2
    assert "the config has no scorecard; add scorecard:" in err
    assert not list(tmp_path.glob("runs/*/*/tables/forecasts.parquet"))


def test_a_whole_run_writes_the_scorecard_too(session, call):
    (session.run.path / "scorecard.html").unlink(missing_ok=True)
    code, out, _ = call("run", session.run.path)
    assert code == 0
    assert f"Scorecard: {session.run.path / 'scorecard.html'}" in out
    assert (session.run.path / "scorecard.html").is_file()


def test_the_same_run_gives_the_same_bytes(session, tmp_path):
    one, other = (write_scorecard(review_of(session), tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert one == other


def test_a_hostile_name_stays_text(tmp_path, read_page):
    hostile = review((HOSTILE, "naive"))
    criteria = (replace(HIGHER, axis=HOSTILE, group=HOSTILE), *hostile.criteria[1:])
    cards = cards_of(criteria, {c.model: [m.figure for m in c.marks] for c in hostile.cards}, "naive")
    made = replace(
        hostile, title=HOSTILE, criteria=criteria, cards=cards, notes=(HOSTILE,), facts=((HOSTILE, HOSTILE),)
    )
    page = write_scorecard(made, tmp_path / "page.html")
    elements = read_page(page.read_text(encoding="utf-8"))
    assert elements.count("script") == elements.count("img") == 0
    assert elements.count("style") == 1


def test_the_page_asks_for_nothing_and_runs_nothing(tmp_path, read_page):
    elements = read_page(write_scorecard(review(), tmp_path / "page.html").read_text(encoding="utf-8"))
    policy = next(a["content"] for t, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    addresses = [a[key] for _, a in elements.tags for key in ("src", "href") if key in a]
    assert addresses == ["data:,"]


def test_the_page_says_standing_in_words_and_not_by_colour_alone(tmp_path):
    page = write_scorecard(review(), tmp_path / "page.html").read_text(encoding="utf-8")
    for text in (
        "\u2713 passes",
        "\u2717 fails",
        "limit: at least 40",
        "100 points at 90",
        "+4.0 (-1.0 to +9.0) to the incumbent",
    ):
        assert text in page


@pytest.mark.browser
def test_five_models_and_nine_metrics_fit_one_printed_page(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("chromium is not on PATH (apt-get install chromium)")
    names = ("naive", "lightgbm_quantiles", "exponential_smoothing", "moving_average", "seasonal_naive")
    question = "What share of all units sold was forecast in the wrong place or in the wrong period?"
    criteria = tuple(replace(c, metric=replace(c.metric, question=question)) for c in (HIGHER, LOWER, ZERO)) * 3
    figures = {n: [Figure(c.limit - 1, 1.0, 99.0, Gap(-4.0, -9.0, 1.0)) for c in criteria] for n in names}
    made = replace(review(), criteria=criteria, cards=cards_of(criteria, figures, "naive"))
    assert _printed(chromium, write_scorecard(made, tmp_path / "page.html")) == 1


def _printed(chromium, page):
    """Pages of the PDF that a browser prints."""
    target = page.with_suffix(".pdf")
    subprocess.run([
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer",
        "--proxy-server=http://127.0.0.1:9", f"--user-data-dir={page.parent / 'profile'}", f"--print-to-pdf={target}",
        page.as_uri(),
    ], capture_output=True, timeout=120, check=True)  # fmt: skip
    return len(re.findall(rb"/Type */Page\b", target.read_bytes()))
