"""Laws of the report that need no browser."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from forecast_eval.report import write_report
from forecast_eval.report.page import render, report_charts
from forecast_eval.report.palette import make_palette
from forecast_eval.report.tables import launches, leaderboard, texts

MODELS = ("LightGBM newsvendor", "AutoETS", "LightGBM L2", "SeasonalNaive", "CrostonOptimized")
HOSTILE = "</script><img src=x onerror=alert(1)>"


def model_scales(node):
    """Every mapping of models to colours in a spec."""
    if isinstance(node, list):
        return [found for item in node for found in model_scales(item)]
    if not isinstance(node, dict):
        return []
    scale = node.get("scale") if node.get("field") == "model" else None
    own = [dict(zip(scale["domain"], scale["range"], strict=True))] if scale and "range" in scale else []
    return own + [found for key, child in node.items() if key != "datasets" for found in model_scales(child)]


@pytest.fixture(scope="module")
def run(make_run):
    return make_run()


def without(tables, **frames):
    return dataclasses.replace(tables, **{name: getattr(tables, name).iloc[:0] for name in frames})


def test_every_chart_gives_a_model_the_same_colour_and_shape(run):
    specs = [spec for spec in report_charts(*run).values() if spec]
    expected = make_palette(MODELS, "SeasonalNaive")
    looks = {style.name: {style.colour, style.shape} for style in expected.styles}
    assert len(specs) == 5
    for spec in specs:
        assert model_scales(spec)
        for scale in model_scales(spec):
            assert scale.keys() == set(MODELS)
            assert all(look in looks[model] for model, look in scale.items())


def test_a_model_keeps_its_colour_when_the_ranking_turns():
    first, second = make_palette(["b", "now", "a"], "now"), make_palette(["a", "now", "b"], "now")
    assert {style.name: style for style in first.styles} == {style.name: style for style in second.styles}


def test_fifteen_models_look_different_and_only_the_incumbent_is_black():
    styles = make_palette([f"model {number}" for number in range(15)], "model 4").styles
    assert len({(style.colour, style.shape) for style in styles}) == 15
    assert len({style.colour for style in styles}) == 15
    assert [style.name for style in styles if style.colour == "#000000"] == ["model 4"]
    assert [style.name for style in styles if style.shape == "diamond"] == ["model 4"]


def test_nan_is_printed_as_not_available():
    assert texts([float("nan"), float("inf"), 12.0]) == ["n/a", "n/a", "12.0"]


def test_a_column_has_one_number_of_decimals_and_no_negative_zero():
    assert texts([1203.4, 87.51, -0.2], "money", signed=True) == ["+1,203", "+88", "+0"]
    assert texts([0.1234, 0.0521, 0.31]) == ["0.123", "0.052", "0.310"]
    assert texts([2.0e13, 14.2], "money") == ["2.00e+13", "14"]


def test_nan_reaches_the_page_as_words_and_never_as_json(run, read_page):
    tables, facts = run
    money = tables.money.assign(profit=np.nan, fill_rate=np.inf, low=np.nan)
    scores = tables.scores.assign(value=np.nan)
    settings = tables.settings.assign(mismatch_cost=tables.settings["mismatch_cost"].where(tables.settings["knob"] > 0))
    broken = dataclasses.replace(tables, money=money, scores=scores, settings=settings)
    page = render(broken, facts)
    elements = read_page(page)  # fails on NaN or Infinity in a data block
    assert len(elements.blocks) == 5
    assert any(row["mismatch_cost"] is None for row in elements.blocks[1]["datasets"]["rows"])
    table = page[page.index('id="leaderboard"') : page.index('id="money"')]
    assert table.count(">n/a<") >= len(MODELS) * 6


def test_html_in_names_and_words_is_inert(make_run, read_page):
    tables, facts = make_run((HOSTILE, "SeasonalNaive"))
    facts = dataclasses.replace(facts, title=HOSTILE, sentence=HOSTILE, notes=(HOSTILE,), facts=((HOSTILE, HOSTILE),))
    page = render(tables, facts)
    elements = read_page(page)
    plain = read_page(render(*make_run(("Innocent", "SeasonalNaive"))))
    assert HOSTILE not in page
    assert elements.count("img") == 0
    assert elements.count("script") == plain.count("script")
    assert elements.blocks[0]["datasets"]["rows"] != []
    assert HOSTILE in {row["model"] for row in elements.blocks[0]["datasets"]["rows"]}


def test_names_of_models_never_enter_an_expression(make_run):
    names = ("'+alert(1)+'", "'+alert(2)+'")
    specs = [spec for spec in report_charts(*make_run(names, incumbent=names[1])).values() if spec]
    pieces = json.dumps(specs).split("'+alert(")
    assert len(pieces) > 2
    assert all(piece.endswith('"') for piece in pieces[:-1])  # always a whole string value


def test_the_page_names_no_address_to_fetch(run, read_page):
    for tag, attributes in read_page(render(*run)).tags:
        links = {attributes.get(name) or "" for name in ("src", "href", "srcset", "action", "data")}
        assert all(link == "" or link.startswith(("#", "data:")) for link in links), tag


def test_the_policy_forbids_everything_but_the_two_scripts(run, read_page):
    tags = read_page(render(*run)).tags
    policy = next(attributes["content"] for tag, attributes in tags if tag == "meta" and "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "'unsafe-inline'" not in policy.split(";")[1]
    assert "http" not in policy


def test_the_drawing_library_is_in_the_page_once(run):
    assert render(*run).count("window.vegaEmbed=") == 1


def test_same_input_gives_same_bytes(run, tmp_path):
    first, second = (write_report(*run, tmp_path / name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_a_failed_write_leaves_the_old_report_and_no_draft(run, tmp_path, monkeypatch):
    path = write_report(*run, tmp_path / "new" / "report.html")
    before = path.read_bytes()

    def broken(*_args, **_options):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_report(*run, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_empty_timeline_and_segments_leave_words_in_their_place(run, read_page):
    tables, facts = run
    page = render(without(tables, timeline=True, segments=True), facts)
    assert len(read_page(page).blocks) == 2
    assert "This run has no rows by segment." in page
    assert "There was nothing to draw here in this run." in page


def test_one_model_has_no_rival_and_no_star(make_run):
    page = render(*make_run(("SeasonalNaive",)))
    assert "No model can be compared with the incumbent" in page
    assert 'class="best"' not in page[: page.index('id="settings"')]


def test_the_best_of_a_column_follows_the_direction_of_its_metric(run):
    tables, facts = run
    scores = pd.DataFrame(
        {
            "model": model,
            "metric": metric,
            "axis": "total",
            "group": "all",
            "value": value,
            "n_obs": 9,
            "n_missing": 0,
        }
        for metric, values in {"rmse": (3.0, 2.0), "bias": (0.5, -0.9)}.items()
        for model, value in zip(MODELS, values, strict=False)
    )
    board = leaderboard(scores, tables.money, facts=facts, palette=make_palette(MODELS, facts.incumbent))
    cells = {row.style.name: row.cells[-2:] for row in board.rows}
    assert [cell.tags for cell in cells[MODELS[0]]] == [(), ("best",)]
    assert [cell.tags for cell in cells[MODELS[1]]] == [("best",), ()]


def test_an_interval_over_zero_is_called_noise(run):
    tables, facts = run
    ends = {
        MODELS[0]: (5.0, 90.0),
        MODELS[1]: (-5.0, 90.0),
        MODELS[2]: (-90.0, -5.0),
        MODELS[4]: (np.nan, 3.0),
    }
    money = tables.money.set_index("model")
    money[["low", "high"]] = pd.DataFrame(ends, index=["low", "high"]).T
    board = leaderboard(tables.scores, money.reset_index(), facts=facts, palette=make_palette(MODELS, facts.incumbent))
    verdicts = {row.style.name: row.cells[2].tags for row in board.rows}
    assert verdicts == {
        MODELS[0]: ("gain",),
        MODELS[1]: ("noise",),
        MODELS[2]: ("loss",),
        MODELS[3]: (),
        MODELS[4]: (),
    }


def test_overlapping_windows_show_the_latest_cutoff(make_run):
    tables, facts = make_run()
    later = tables.timeline.assign(cutoff=lambda rows: rows["cutoff"] + pd.Timedelta(weeks=4), forecast=-1.0)
    both = pd.concat([later, tables.timeline], ignore_index=True)
    rows = report_charts(dataclasses.replace(tables, timeline=both), facts)["timeline"]["datasets"]["rows"]
    assert len(rows) == len(later)
    assert {row["forecast"] for row in rows} == {-1.0}


def test_missing_values_are_counted_beside_the_leaderboard(run):
    tables, facts = run
    holes = (tables.scores["model"] == "AutoETS") & (tables.scores["metric"] == "mape")
    scores = tables.scores.assign(n_missing=np.where(holes, 312, 0))
    page = render(dataclasses.replace(tables, scores=scores), facts)
    assert "AutoETS: mape without 312 values (4,160 used)" in page


LAUNCH = {
    "candidate": "LightGBM L2", "chosen_by": "rmse", "metric": "profit", "role": "primary", "better": "higher",
    "simulated": 0.05, "simulated_low": 0.01, "simulated_high": 0.09, "measured": -0.03, "measured_low": -0.05,
    "measured_high": -0.01, "adjusted_p": 0.01, "standing": "worse", "gap": -0.08, "gap_low": -0.13, "gap_high": -0.03,
    "agrees": False, "true": -0.02,
}  # fmt: skip


def launched(run, *rows, **facts):
    tables, known = run
    frame = pd.DataFrame([LAUNCH | row for row in rows])
    return dataclasses.replace(tables, launches=frame), dataclasses.replace(known, **facts)


def test_tests_of_candidates_have_a_part_only_where_there_were_some(run, read_page):
    said = {"online": ("LightGBM L2 lost.",), "online_notes": ("20 stores in control.",)}
    page = render(*launched(run, {}, **said))
    for words in ("LightGBM L2, best on rmse", "+5.0% (+1.0 to +9.0)", "-3.0% (-5.0 to -1.0)", "-8.0% (-13.0 to -3.0)",
                  "-2.0%", "LightGBM L2 lost.", "20 stores in control."):  # fmt: skip
        assert words in page, words
    tags = read_page(page).tags
    assert ("section", {"id": "launches"}) in tags
    assert any(own.get("data-chart") == "chart-launches" for _, own in tags)
    without_any = render(*run)
    assert 'id="launches"' not in without_any
    assert "#launches" not in without_any
    assert "chart-launches" not in without_any


def test_standing_of_a_test_is_tagged_as_what_it_is(run):
    frame = launched(run, {}, {"metric": "sold", "standing": "better"}, {"metric": "waste", "standing": "not shown"},
                     {"metric": "stockouts", "standing": "pass"}, {"metric": "loss", "standing": "fail"},
                     {"metric": "late", "standing": "inconclusive"})[0].launches  # fmt: skip
    table = launches(frame, facts=run[1], palette=make_palette(list(frame["metric"]), ""))
    found = {row.cells[2].text: row.cells[2].tags for row in table.rows}
    assert found == {"worse": ("loss",), "better": ("gain",), "not shown": ("noise",), "pass": ("gain",),
                     "fail": ("loss",), "inconclusive": ("noise",)}  # fmt: skip


def test_what_could_not_be_simulated_or_measured_is_said_of_a_test(run):
    nothing = dict.fromkeys(("simulated", "simulated_low", "simulated_high", "gap", "gap_low", "gap_high"), np.nan)
    tables, facts = launched(run, nothing | {"measured_low": np.nan, "measured_high": np.nan, "true": np.nan})
    (row,) = launches(tables.launches, facts=facts, palette=make_palette(["profit"], "")).rows
    assert [cell.text for cell in row.cells] == ["n/a", "-3.0%", "worse", "n/a", "n/a"]
    assert "nan" not in render(tables, facts).split("<main>")[1].split('id="leaderboard"')[0]


def test_html_in_names_of_candidates_and_words_of_tests_is_inert(run, read_page):
    row = {"candidate": HOSTILE, "chosen_by": HOSTILE, "metric": HOSTILE}
    page = render(*launched(run, row, online=(HOSTILE,), online_notes=(HOSTILE,)))
    assert read_page(page).count("img") == 0
    assert "&lt;/script&gt;&lt;img" in page
    assert HOSTILE not in page
