"""Laws of what a report shows only where it was asked for: the evidence behind the money."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from forecast_eval.report import ReportTables
from forecast_eval.report.content import COLUMNS
from forecast_eval.report.page import render, report_charts
from forecast_eval.report.palette import make_palette
from forecast_eval.report.tables import ledger, settings, worst
from forecast_eval.report.words import robust, worth_of_accuracy

INCUMBENT = "SeasonalNaive"
HOSTILE = "</script><img src=x onerror=alert(1)>"
MODELS = ("LightGBM newsvendor", "AutoETS", "LightGBM L2", INCUMBENT, "CrostonOptimized")


@pytest.fixture(scope="module")
def run(make_full_run):
    return make_full_run()


def rows_of(tables, facts, name, **frames):
    spec = report_charts(dataclasses.replace(tables, **frames), facts)[name]
    return None if spec is None else pd.DataFrame(spec["datasets"]["rows"])


def a_waterfall(*amounts):
    parts = ("perfect foresight", "lost margin", "waste", "holding", "order cost", "other", "profit")
    return pd.DataFrame({"model": INCUMBENT, "part": parts, "amount": amounts})


def test_a_frame_that_nobody_asked_for_is_empty_with_its_columns(run):
    tables, _ = run
    first = {field.name: getattr(tables, field.name) for field in dataclasses.fields(tables)[:6]}
    plain = ReportTables(**first)
    for name, columns in COLUMNS.items():
        assert getattr(plain, name).empty
        assert tuple(getattr(plain, name).columns) == columns
        assert set(columns) <= set(getattr(tables, name).columns)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_section_is_there_only_where_its_frame_has_rows(run, read_page, name):
    tables, facts = run
    others = {other: getattr(tables, other).iloc[:0] for other in COLUMNS if other != name}
    page = render(dataclasses.replace(tables, **others), facts)
    sections = {attributes["id"] for tag, attributes in read_page(page).tags if tag == "section"}
    assert sections & set(COLUMNS) == {name}
    assert f'href="#{name}"' in page


def test_hostile_names_are_inert_in_every_frame(make_full_run, read_page):
    tables, facts = make_full_run((HOSTILE, INCUMBENT))
    frames = {
        "paired": tables.paired.assign(cluster=HOSTILE),
        "worst": tables.worst.assign(unique_id=HOSTILE),
        "timeline": tables.timeline.assign(unique_id=HOSTILE),
        "bounds": tables.bounds.replace("em", HOSTILE),
        "waterfall": tables.waterfall.assign(part=tables.waterfall["part"].replace("other", HOSTILE)),
    }
    page = render(dataclasses.replace(tables, **frames), facts)
    elements = read_page(page)
    assert HOSTILE not in page
    assert elements.count("img") == 0
    buttons = [attributes["data-series"] for tag, attributes in elements.tags if tag == "button"]
    assert set(buttons) == {HOSTILE}
    assert len(elements.blocks) == 13


def test_names_never_enter_an_expression(make_full_run):
    names = ("'+alert(1)+'", "'+alert(2)+'")
    tables, facts = make_full_run(names, incumbent=names[1])
    odd = dataclasses.replace(tables, worst=tables.worst.assign(unique_id="'+alert(3)+'"))
    pieces = json.dumps([spec for spec in report_charts(odd, facts).values() if spec]).split("'+alert(")
    assert len(pieces) > 20
    assert all(piece.endswith('"') for piece in pieces[:-1])  # always a whole string value


def test_infinite_and_missing_values_are_null_on_the_page_and_words_in_the_tables(run, read_page):
    tables, facts = run
    broken = {}
    for name in COLUMNS:
        frame = getattr(tables, name).copy()
        numbers = frame.select_dtypes("number").columns.difference(["share"])
        frame.loc[frame.index[::2], numbers] = np.nan
        frame.loc[frame.index[1::4], numbers] = np.inf
        broken[name] = frame
    page = render(dataclasses.replace(tables, **broken), facts)  # read_page fails on NaN or Infinity in a data block
    assert read_page(page).blocks
    assert page.count(">n/a<") > 50


def test_the_same_evidence_gives_the_same_bytes(run):
    assert render(*run) == render(*run)


def test_bars_of_a_waterfall_start_where_the_one_before_ends(run):
    tables, facts = run
    rows = rows_of(tables, facts, "waterfall")
    assert set(rows["model"]) == set(MODELS)
    for _, steps in rows.groupby("model"):
        ends, starts = steps["end"].to_numpy(), steps["start"].to_numpy()
        np.testing.assert_allclose(starts[1:-1], ends[:-2])
        np.testing.assert_allclose(ends[-1], ends[-2])  # the profit is where the last part leads
        assert starts[0] == starts[-1]


def test_totals_start_at_zero_unless_they_dwarf_the_parts(run):
    tables, facts = run
    large = rows_of(tables, facts, "waterfall", waterfall=a_waterfall(100, -30, -20, 5, -3, 2, 54))
    small = rows_of(tables, facts, "waterfall", waterfall=a_waterfall(1000, -3, -2, 1, -1, 2, 997))
    assert list(large["start"].iloc[[0, -1]]) == [0, 0]
    assert not large["cut"].any()
    assert (small["start"].iloc[[0, -1]] > 900).all()
    assert list(small["cut"]) == [True, False, False, False, False, False, True]


def test_a_loss_making_model_falls_below_zero(run):
    tables, facts = run
    rows = rows_of(tables, facts, "waterfall", waterfall=a_waterfall(100, -90, -50, -4, -3, 2, -45))
    assert list(rows["end"]) == [100, 10, -40, -44, -47, -45, -45]
    assert rows["start"].iloc[-1] == 0


def test_amounts_stand_beside_their_bars_with_sign_and_share(run):
    tables, facts = run
    rows = rows_of(tables, facts, "waterfall", waterfall=a_waterfall(1000, -300, -200, 50, -30, 20, 540))
    assert list(rows["label"]) == [
        "1,000", "-300 (30.0%)", "-200 (20.0%)", "+50 (5.0%)", "-30 (3.0%)", "+20 (2.0%)", "540 (54.0%)",
    ]  # fmt: skip
    assert list(rows["kind"]) == ["foresight", "loss", "loss", "gain", "loss", "gain", "profit"]


def test_parts_that_are_zero_for_every_model_are_left_out_and_unknown_ones_kept(run):
    tables, facts = run
    frame = a_waterfall(100, -30, -20, 0, 0, 7, 57).replace("other", "subsidy")
    rows = rows_of(tables, facts, "waterfall", waterfall=frame)
    assert list(rows["part"]) == ["perfect foresight", "lost margin", "waste", "subsidy", "profit"]


def test_every_store_is_one_dot_of_each_rival(run):
    tables, facts = run
    rows = rows_of(tables, facts, "paired")
    dots = rows[rows["kind"] == "cluster"].set_index(["model", "cluster"])["difference"].sort_index()
    given = tables.paired.set_index(["model", "cluster"])["difference"].sort_index()
    pd.testing.assert_series_equal(dots, given, check_exact=False)
    assert INCUMBENT not in set(rows["model"])


def test_dots_do_not_hide_each_other(run):
    tables, facts = run
    dots = rows_of(tables, facts, "paired").query("kind == 'cluster'")
    for _, rows in dots.groupby("model"):
        ends = min(0, rows["difference"].min()), max(0, rows["difference"].max())
        column = np.floor((rows["difference"] - ends[0]) / (ends[1] - ends[0]) * 36)
        assert not pd.DataFrame({"column": column, "level": rows["level"]}).duplicated().any()


def test_the_mean_of_the_dots_has_the_interval_of_the_total_divided_by_their_number(run):
    tables, facts = run
    mean = rows_of(tables, facts, "paired").query("kind == 'mean'").set_index("model")
    money = tables.money.set_index("model").loc[mean.index]
    np.testing.assert_allclose(mean["low"] * 40, money["low"])
    np.testing.assert_allclose(mean["high"] * 40, money["high"])
    np.testing.assert_allclose(mean["difference"], tables.paired.groupby("model")["difference"].mean()[mean.index])


def test_thousands_of_clusters_become_hundreds_of_dots_with_the_same_sum(run):
    tables, facts = run
    difference = np.random.default_rng(3).gamma(2.0, 30.0, 2000) - 50
    many = pd.DataFrame({"model": "AutoETS", "cluster": [f"s{n}" for n in range(2000)], "difference": difference})
    dots = rows_of(tables, facts, "paired", paired=many).query("kind == 'cluster'")
    size = dots["cluster"].str.extract(r"^(\d+) groups", expand=False).astype(int)
    assert len(dots) <= 300
    assert size.sum() == 2000
    np.testing.assert_allclose((size * dots["difference"]).sum(), difference.sum())


def test_the_gain_curve_leaves_out_points_whose_error_is_unknown(run):
    tables, facts = run
    accuracy = tables.accuracy.assign(wape=tables.accuracy["wape"].mask(tables.accuracy["share"] == 0.5))
    rows = rows_of(tables, facts, "accuracy", accuracy=accuracy)
    assert sorted(set(rows["share"])) == [0, 0.25, 0.75, 1]


def test_money_per_point_of_accuracy_is_said_in_words(run):
    _, facts = run
    frame = pd.DataFrame({
        "model": "AutoETS", "share": [0, 0.5, 1], "wape": [30.0, 15.0, 0.0], "profit": [5e4, 5.3e4, 5.45e4],
        "gain": [0, 3000.0, 4500.0], "low": [0, 2000.0, np.nan], "high": [0, 4000.0, np.nan],
        "per_point": [np.nan, 200.0, 150.0],
    })  # fmt: skip
    assert worth_of_accuracy(frame, facts) == [
        "AutoETS has a WAPE of 30.0%. At a WAPE of 15.0% it would earn EUR 3,000 more a week (2,000 to 4,000), "
        "EUR 200 a point of WAPE. A perfect forecast would earn EUR 4,500 more a week (n/a to n/a), "
        "EUR 150 a point of WAPE."
    ]


def test_assumptions_keep_their_order_and_leave_out_the_incumbent(run):
    tables, facts = run
    backwards = tables.bounds.iloc[::-1]
    rows = rows_of(tables, facts, "bounds", bounds=backwards)
    order = ["by hours in stock", "Kaplan-Meier", "estimated (EM)", "filled", "left out", "sales as they are"]
    assert list(dict.fromkeys(rows["name"])) == order
    assert json.dumps(order) in json.dumps(
        report_charts(dataclasses.replace(tables, bounds=backwards), facts)["bounds"]
    )
    assert len(rows) == 6 * (len(MODELS) - 1)
    assert INCUMBENT not in set(rows["model"])
    assert (rows["significant"] == ((rows["low"] > 0) | (rows["high"] < 0))).all()


def test_a_verdict_that_turns_with_the_assumption_is_said_so():
    ends = {
        "a": ((5, 9), (4, 8)), "b": ((1, 2), (2, 3)), "c": ((-9, -5), (-7, 5)), "d": ((-1, 2), (-2, 1)),
        "now": ((0, 0), (0, 0)),
    }  # fmt: skip
    frame = pd.DataFrame(
        [
            (name, model, *span)
            for model, spans in ends.items()
            for name, span in zip(("as_is", "em"), spans, strict=True)
        ],
        columns=["assumption", "model", "low", "high"],
    )
    assert robust(frame, "now") == [
        "Ahead of the incumbent under every assumption: a and b.",
        "Not to be told from the incumbent under every assumption: d.",
        "c: behind the incumbent under “sales as they are”; not to be told from the incumbent under “estimated (EM)”.",
    ]


def test_the_incumbent_does_not_beat_itself_over_drawn_demand(run):
    tables, facts = run
    rows = rows_of(tables, facts, "drawn", drawn=tables.drawn.assign(share_won=0.625)).set_index("model")
    assert rows["won"].pop(INCUMBENT) == ""
    assert set(rows["won"].drop(INCUMBENT, errors="ignore")) == {"62%"}


def test_worst_skus_stand_by_regret_and_lead_to_the_stock_that_the_page_has(run):
    tables, _ = run
    shuffled = tables.worst.sample(frac=1, random_state=1)
    found = worst(shuffled, tables.timeline, currency="EUR", palette=make_palette(MODELS, INCUMBENT))
    for table in found:
        given = tables.worst[tables.worst["model"] == table.style.name].sort_values("regret", ascending=False)
        assert [row.unique_id for row in table.rows] == list(given["unique_id"])
        assert {row.unique_id for row in table.rows if not row.shown} == {"Z99/store-40"}
    assert [table.style.name for table in found] == list(MODELS)


def test_the_timeline_offers_every_worst_sku_that_it_has(run):
    tables, facts = run
    spec = report_charts(*run)["timeline"]
    series = next(param["bind"]["options"] for param in spec["params"] if param["name"] == "shown_series")
    assert set(tables.worst["unique_id"]) - {"Z99/store-40"} <= set(series)
    assert facts.currency in json.dumps(report_charts(*run)["waterfall"])


def test_efficient_settings_are_marked_in_chart_and_table(run):
    tables, facts = run
    rows = rows_of(tables, facts, "frontier")
    pd.testing.assert_series_equal(rows["efficient"], tables.settings["efficient"], check_names=False)
    assert 0 < rows["efficient"].sum() < len(rows)
    cells = [
        cell for row in settings(tables.settings, palette=make_palette(MODELS, INCUMBENT)).rows for cell in row.cells
    ]
    assert sum("efficient" in cell.tags for cell in cells) == rows["efficient"].sum()


def test_settings_of_unknown_efficiency_are_not_marked(run):
    tables, facts = run
    plain = tables.settings.drop(columns="efficient")
    assert rows_of(tables, facts, "frontier", settings=plain)["efficient"].all()
    cells = [cell for row in settings(plain, palette=make_palette(MODELS, INCUMBENT)).rows for cell in row.cells]
    assert not any("efficient" in cell.tags for cell in cells)


def test_key_figures_are_printed_where_they_are_known_and_not_all_zero(run):
    tables, _ = run
    look = {"currency": "EUR", "palette": make_palette(MODELS, INCUMBENT)}
    full = {label for label, _ in ledger(tables.money, **look).header}
    plain = {label for label, _ in ledger(tables.money.drop(columns=["gmroi", "shrink"]), **look).header}
    free = {label for label, _ in ledger(tables.money.assign(order_cost=0.0), **look).header}
    unknown = {label for label, _ in ledger(tables.money.assign(order_cost=np.nan), **look).header}
    assert full - plain == {"GMROI", "Shrink"}
    assert full - free == {"Order cost"}
    assert full == unknown
