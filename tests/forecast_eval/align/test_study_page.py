"""Laws of the pages of an alignment study: what is drawn, what is said, and that a browser shows it."""

import datetime as dt
import json
import os
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from forecast_eval.align import Deltas, Launch, OnlineTest, Pairs, pairs_of
from forecast_eval.align.calibration import calibrate
from forecast_eval.align.calibration_words import drift_words, held_words, line_words, turned_words, usual_words
from forecast_eval.align.composite import compose
from forecast_eval.align.credible import Credible
from forecast_eval.align.curve import curve_of
from forecast_eval.align.drift import drift, drift_of
from forecast_eval.align.jeffreys import jeffreys
from forecast_eval.align.joint import sample
from forecast_eval.align.posterior import posterior
from forecast_eval.align.ranking import rank
from forecast_eval.align.study import Alignment, Study
from forecast_eval.align.study_json import as_json
from forecast_eval.align.study_words import headlines, in_order
from forecast_eval.report.align import write_study_page
from forecast_eval.report.align_rows import gap_rows, launch_rows
from forecast_eval.terminal.align import show_study

HOSTILE = "</script><img src=x onerror=alert(1)>"
LONG = "trend_weighted_newsvendor_cost_of_promoted_items_with_a_very_long_name"
METRICS = ("profit", "rmse", LONG)
TESTED, UNTESTED = 9, 2


def launches(seed=4):
    """Launches whose profit is well foretold by the simulated one; two candidates were not tested."""
    rng, found = np.random.default_rng(seed), []
    for k in range(TESTED + UNTESTED):
        truth = rng.normal(0.01, 0.03)
        offline = [truth + rng.normal(0, 0.006), 10 * rng.normal(), -truth + rng.normal(0, 0.03)]
        errors = np.array([0.005, 2.0, 0.006]) * rng.uniform(1, 1.4)
        day = dt.date(2025, 1, 6) + dt.timedelta(days=31 * k)
        ours = Deltas.of(METRICS, offline, np.diag(errors**2), better=["higher", "lower", "lower"],
                         units=["share", "units", "share"])  # fmt: skip
        tested = k not in {3, 8}
        theirs = Deltas.of(["profit", "waste"], [0.7 * truth + rng.normal(0, 0.004), -truth], np.diag([2e-5, 3e-5]),
                           better=["higher", "lower"], base=[900.0, np.nan])  # fmt: skip
        test = OnlineTest("store", (20, 22), day, day + dt.timedelta(days=27), 4)
        found.append(Launch(
            f"launch {k} {HOSTILE if k == 1 else ''}", "trees", "ETS", day,
            ("launched" if theirs.values[0] > 0 else "rejected") if tested else "not tested", ours,
            theirs if tested else None, test=test if tested else None,
        ))  # fmt: skip
    return tuple(found)


def alignment(own, offline, online):
    pairs, which = pairs_of(own, offline, online)
    found = posterior(pairs)
    verdict = "trusted" if found.rho.low > 0 else "misleads" if found.rho.high < 0 else "insufficient evidence"
    curve = curve_of(found, pairs)
    return Alignment(offline, online, pairs, which, found.rho, found.slope, verdict, None, None, curve)


@pytest.fixture(scope="module")
def study():
    own = launches()
    joint = sample(own, "profit", draws=400)
    pairs = tuple(alignment(own, one, other) for other in ("profit", "waste") for one in METRICS)
    return Study(0.9, own, pairs, (rank(joint),), (compose(joint, money="profit"),), (calibrate(own),), ("a note",))


@pytest.fixture(scope="module")
def page(study, tmp_path_factory):
    return write_study_page(study, tmp_path_factory.mktemp("study") / "study.html")


def test_a_point_is_a_tested_launch_and_a_tick_one_that_was_not(study):
    own = in_order(study, "profit")
    rows = launch_rows(study, own[:1])
    points, ticks = (rows[rows["kind"] == kind] for kind in ("point", "untested"))
    assert (len(points), len(ticks)) == (TESTED, UNTESTED)
    assert set(ticks["launch"]) == {"launch 3 ", "launch 8 "}
    assert ((points["y_low"] < points["y"]) & (points["y"] < points["y_high"])).all()
    assert np.allclose(points["x_high"] - points["x"], 1.645 * np.sqrt(own[0].pairs.var_x[own[0].pairs.tested]))


def test_only_shares_of_one_metric_are_held_against_the_line_of_equal_numbers(study):
    rows = launch_rows(study, study.alignments)
    assert set(rows.loc[rows["kind"] == "same", "metric"]) == {"profit (simulated)"}
    same = rows[rows["kind"] == "same"]
    assert (same["x"] == same["y"]).all()


def test_the_curve_is_the_line_where_launches_lie_on_it_without_noise():
    x = np.array([1.0, 2.0, 4.0, 5.0, 7.0, 9.0])
    pairs = Pairs.of(x, 1 + x / 2, np.full(6, 1e-4), np.full(6, 1e-4))
    own = curve_of(posterior(pairs), pairs)
    assert np.allclose(own.mean, 1 + own.x / 2, atol=0.02)
    assert (own.low < own.mean).all()
    assert (own.mean < own.high).all()


def test_a_gap_excludes_0_where_a_prediction_missed():
    found = calibrate(launches(), confidence=0.4)
    rows = gap_rows(found)
    held = (rows["low"] <= 0) & (rows["high"] >= 0)
    assert (held == (rows["model"] == "held")).all()
    assert 0 < held.sum() < len(rows)
    assert held_words(found).startswith(f"{held.sum()} of {len(rows)} launches")


def test_the_headline_says_whom_to_trust(study):
    first, *rest = headlines(study, "profit")
    assert first.startswith(f"profit (simulated): trusted, {TESTED} launches, correlation 0.")
    assert any("rmse" in line and line.startswith("Insufficient evidence") for line in rest)


def test_without_a_settled_correlation_the_headline_says_insufficient_evidence(study):
    unclear = tuple(
        replace(own, verdict="insufficient evidence", rho=Credible(0.3, -0.4, 0.9, 0.8)) for own in study.alignments
    )
    assert list(headlines(replace(study, alignments=unclear), "profit")) == [
        f"No offline number can be trusted for profit yet: insufficient evidence, {TESTED} launches."
    ]


def test_what_misleads_is_named_with_its_correlation(study):
    turned = [replace(own, verdict="misleads", rho=Credible(-0.7, -0.9, -0.2, 0.01)) if own.offline == "rmse" else own
              for own in study.alignments]  # fmt: skip
    assert "Misleads: rmse -0.70 (-0.90 to -0.20)." in list(
        headlines(replace(study, alignments=tuple(turned)), "profit")
    )


def test_where_every_number_misleads_the_evidence_is_not_called_insufficient(study):
    backwards = replace(study.alignments[0], verdict="misleads", rho=Credible(-0.8, -0.95, -0.3, 0.01))
    said = list(headlines(replace(study, alignments=(backwards,)), "profit"))
    assert said[0] == "No offline number can be trusted for profit yet: all that were measured mislead, 9 launches."


def test_where_lower_is_better_it_is_said_which_sentences_are_turned():
    def backwards(side):
        return side if side is None else replace(side, values=-side.values, better=("lower",))

    plain = [replace(own, offline=own.offline.only(["profit"]), online=own.online and own.online.only(["profit"]),
                     cross=None) for own in launches()]  # fmt: skip
    made, other = (calibrate(own) for own in (
        plain, [replace(k, offline=backwards(k.offline), online=backwards(k.online)) for k in plain],
    ))  # fmt: skip
    assert list(turned_words(made)) == []
    assert next(iter(turned_words(other))).startswith("That has the sign of profit, of which lower is better; below")
    assert "simulated +" in next(usual_words(made))
    assert "simulated -" in next(usual_words(other))
    assert line_words(made) == line_words(other)


def test_the_page_asks_nobody_and_hostile_names_stay_inert(page, read_page):
    elements = read_page(page.read_text(encoding="utf-8"))
    assert elements.count("img") == 0
    loaded = [own.get("src") or own.get("href") for _, own in elements.tags]
    assert all(address is None or address.startswith(("#", "data:")) for address in loaded)
    assert len(elements.blocks) == 8


def test_the_same_study_gives_the_same_bytes(study, page, tmp_path):
    assert write_study_page(study, tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_three_launches_are_enough_for_a_page(tmp_path):
    own = tuple(launch for launch in launches() if launch.online is not None)[:3]
    few = Study(0.9, own, (alignment(own, "profit", "profit"),), (), (), (calibrate(own),))
    page = write_study_page(few, tmp_path / "few.html").read_text(encoding="utf-8")
    assert "There are too few launches to foretell each from the others." in page
    assert "Too few launches over time" in page


def test_the_terminal_fits_a_hundred_columns(study, capsys):
    show_study(study)
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 100
    # a table that is too wide would be cut at its right edge: all verdicts are there
    assert sum(line.rstrip().endswith(("   trusted", "   misleads", "   insufficient evidence")) for line in lines) == 6
    assert any(line.startswith("profit: profit (simulated): trusted") for line in lines)
    assert any("after calibration on 9 launches" in line for line in lines)


def test_json_holds_every_pair_and_knows_no_nan(study):
    plain = json.loads(json.dumps(as_json(study), allow_nan=False))
    assert len(plain["alignments"]) == len(study.alignments)
    assert plain["alignments"][0]["pairs"]["y"].count(None) == UNTESTED
    assert len(plain["calibrations"][0]["left_out"]) == TESTED


def test_a_drift_is_found_by_its_size_and_sign():
    days = [dt.date(2025, 1, 1) + dt.timedelta(days=own) for own in (0, 90, 200, 365, 500, 730)]
    years = np.array([(day - days[0]).days for day in days]) / 365.25
    errors = np.array([0.01, 0.02, 0.01, 0.03, 0.01, 0.02])
    found = drift(days, 0.004 - 0.03 * years + 1e-6 * np.array([1, -1, 1, -1, 1, -1]), errors)
    assert found.change == pytest.approx(-0.03, abs=1e-5)
    assert drift_words(found, unit="share").startswith(
        "The simulator drifts: measured less calibrated changes by -3.0%"
    )


def test_the_interval_of_a_drift_holds_as_often_as_it_says():
    rng = np.random.default_rng(11)
    days = [dt.date(2025, 1, 1) + dt.timedelta(days=45 * k) for k in range(8)]
    errors = rng.uniform(0.005, 0.03, 8)
    found = [drift(days, 0.02 + rng.normal(0, 1.7 * errors), errors) for _ in range(2000)]
    held = np.mean([own.low <= 0 <= own.high for own in found])
    assert abs(held - 0.9) < 0.02, f"{held=}"


@pytest.mark.parametrize("days", [[1, 2, 3], [5, 5, 5, 5, 5]])
def test_no_drift_is_read_of_three_launches_or_of_one_day(days):
    dates = [dt.date(2025, 1, day) for day in days]
    assert drift(dates, [0.01] * len(days), [0.01] * len(days)) is None


def test_a_drift_of_a_calibration_is_that_of_measured_less_foretold(study):
    (own,) = study.calibrations
    late = max(launch.date for launch in own.left_out)
    moved = tuple(
        replace(launch, measured=launch.measured + (0.2 if launch.date == late else 0)) for launch in own.left_out
    )
    raised = type("Raised", (), {"left_out": moved, "confidence": 0.9})
    assert drift_of(raised).change > drift_of(own).change


def test_the_interval_of_a_share_is_that_of_its_complement_turned():
    low, high = jeffreys(3, 11)
    other_low, other_high = jeffreys(8, 11)
    assert (low, high) == pytest.approx((1 - other_high, 1 - other_low))
    assert low < 3 / 11 < high


# 500 is the narrowest window that headless Chromium gives.
@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_draws_every_chart_in_silence(page, read_page, tmp_path, width):
    chromium = shutil.which("chromium")
    if chromium is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("chromium is not on PATH (apt-get install chromium)")
    done = subprocess.run([
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=8000",
        "--proxy-server=http://127.0.0.1:9", f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr",
        f"--window-size={width},2000", "--dump-dom", page.as_uri(),
    ], capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
    elements = read_page(done.stdout)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    sizes = [float(own["width"]) for tag, own in elements.tags if tag == "svg" and "marks" in (own.get("class") or "")]
    drawn = next(int(own["data-drawn"]) for tag, own in elements.tags if tag == "body")
    assert drawn == len(sizes) == len(elements.blocks) == 8
    assert all(100 < across <= width for across in sizes), f"{sizes=}"
