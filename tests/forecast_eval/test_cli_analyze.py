"""forecast-eval analyze: what it prints and writes, its exit codes, and one message for each kind of bad input."""

import json
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval.config.experiment import load_experiment
from forecast_eval.online.plan import History, Member, Plan, write_plan

BEFORE, DURING, UNITS = 4, 3, 10
HOSTILE = "</script><img src=x onerror=alert(1)>"
EXPERIMENT = {
    "name": "shelves",
    "outcomes": {"path": "history.csv", "columns": {"unit": "shop", "ds": "week"}},
    "design": {"arms": {"old": 1, "new": 1}, "start": "2026-02-02", "periods": DURING, "pre_periods": BEFORE},
    "metrics": {
        "profit": {"role": "primary"},
        "out_of_stock": {"of": "stockouts / exposure", "better": "lower", "role": "guardrail", "margin": 0.1},
        "a_diagnostic_with_a_long_name": {"of": "revenue"},
    },
}


@pytest.fixture(name="shops")
def shops_fixture(tmp_path):
    """Folder with outcomes, a config and a plan; the new arm earns more, and is out of stock as often."""
    rng = np.random.default_rng(8)
    out = []
    for shop in range(UNITS):
        level = 900 + 40 * shop
        for week in range(BEFORE + DURING):
            gain = 25 * (week >= BEFORE and shop % 2)
            revenue = level + 3 * gain + rng.normal(0, 5)
            out.append((f"s{shop}", day(week).date(), ("old", "new")[shop % 2], revenue, 0.3 * level + gain, 50, 1000))
    frame = pd.DataFrame(out, columns=["shop", "week", "arm", "revenue", "profit", "stockouts", "exposure"])
    frame["profit"] += rng.normal(0, 2, len(frame))
    frame["stockouts"] += rng.integers(-1, 2, len(frame))
    frame.to_csv(tmp_path / "outcomes.csv", index=False)
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(EXPERIMENT, sort_keys=False))
    members = {f"s{k}": Member(("old", "new")[k % 2], "all") for k in range(UNITS)}
    history = History(UNITS, BEFORE, day(0), day(BEFORE - 1), "0" * 16)
    weeks = [day(k) for k in range(BEFORE + DURING)]
    config = load_experiment(tmp_path / "experiment.yaml")
    write_plan(Plan(config, tuple(weeks[:BEFORE]), tuple(weeks[BEFORE:]), history, members), tmp_path / "plan.yaml")
    return tmp_path


def day(week):
    return datetime(2026, 1, 5) + timedelta(days=7 * week)  # noqa: DTZ001 - days of no zone


def change(folder, edit, name="outcomes.csv"):
    """Rewrite the outcomes."""
    frame = pd.read_csv(folder / "outcomes.csv")
    edit(frame).to_csv(folder / name, index=False)


def by_config(folder, *more):
    return ("analyze", folder / "outcomes.csv", "--config", folder / "experiment.yaml", *more)


def by_plan(folder, *more):
    return ("analyze", folder / "outcomes.csv", "--plan", folder / "plan.yaml", *more)


def test_plan_and_config_print_verdict_and_tables_within_100_columns(shops, call):
    for arguments in (by_config(shops), by_plan(shops)):
        code, out, _ = call(*arguments)
        assert code == 0
        assert "new against old: profit +" in out
        assert "guardrail out_of_stock: pass" in out
        assert max(len(line) for line in out.splitlines()) <= 100
        assert out.index("primary") < out.index("guardrail") < out.index("diagnostic")


def test_out_holds_the_numbers_and_the_page_and_the_same_bytes_again(shops, call):
    call(*by_plan(shops, "--out", shops / "one"))
    call(*by_plan(shops, "--out", shops / "two"))
    for name in ("analysis.json", "analysis.html"):
        assert (shops / "one" / name).read_bytes() == (shops / "two" / name).read_bytes()
    found = json.loads((shops / "one" / "analysis.json").read_text())
    assert found["readings"][0]["effect"]["difference"]["estimate"] == pytest.approx(25, abs=4)


def test_the_page_asks_nobody_and_names_are_inert(shops, call, read_page):
    change(shops, lambda frame: frame.assign(shop=frame["shop"].replace("s3", HOSTILE)))
    call(*by_config(shops, "--out", shops))
    page = (shops / "analysis.html").read_text()
    elements = read_page(page)
    assert HOSTILE not in page
    assert elements.count("img") == 0
    assert len(elements.blocks) == 3
    for tag, attributes in elements.tags:
        links = {attributes.get(name) or "" for name in ("src", "href", "srcset", "action", "data")}
        assert all(link == "" or link.startswith(("#", "data:")) for link in links), tag


def test_a_guardrail_that_fails_exits_with_1(shops, call):
    change(shops, lambda frame: frame.assign(stockouts=frame["stockouts"] + 40 * (frame["arm"] == "new")))
    code, out, _ = call(*by_config(shops, "--set", "analysis.adjust=none"))
    assert code == 1
    assert "guardrail out_of_stock: fail" in out


def test_lost_units_exit_with_1_and_no_effect_is_printed(shops, call):
    copies = [f"t{k}" for k in range(40)]
    change(shops, lambda frame: pd.concat([
        frame, *(frame[frame["shop"] == "s0"].assign(shop=copy) for copy in copies)
    ]))  # fmt: skip
    code, out, _ = call(*by_config(shops))
    assert code == 1
    assert "sample-ratio mismatch" in out
    assert "profit" not in out


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f.assign(revenue=f["revenue"].where(f.index != 3, -7)), "row 5, column revenue: revenue=-7 must"),
        (lambda f: pd.concat([f, f.iloc[[2]]]), "(unit, ds)=(s0, 2026-01-19) stands twice"),
        (lambda f: f.assign(arm=f["arm"].where(f.index != 5, "new")), "s0 is in arm old and from 2026-02-09 on in new"),
        (lambda f: f[(f["arm"] == "old") | (f["shop"] == "s1")], "arm new has 1 unit"),
        (lambda f: f.assign(arm=f["arm"].where(f.index != 1, "new")), "before the test begins at 2026-02-02"),
        (lambda f: f.drop(columns="arm"), "the outcomes have no column 'arm'"),
        (lambda f: f.drop(columns="stockouts"), "column 'stockouts' is missing"),
    ],
)  # fmt: skip
def test_bad_outcomes_exit_with_2_and_one_clear_message(shops, call, edit, message):
    change(shops, edit)
    code, out, err = call(*by_config(shops))
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
    assert not out


def test_a_missing_pre_period_exits_with_2(shops, call):
    change(shops, lambda frame: frame[frame["week"] >= "2026-02-02"])
    code, _, err = call(*by_plan(shops))
    assert code == 2
    assert "the plan looks at 4 periods before 2026-02-02, and the outcomes have none of them" in err


def test_a_file_that_is_given_needs_no_folder_of_the_history(shops, call):
    code, _, errors = call(*by_config(shops, "--set", "outcomes.root=${NOBODY_SETS_THIS}/there"))
    assert (code, errors) == (0, "")


def test_a_plan_that_was_edited_is_refused(shops, call):
    path = shops / "plan.yaml"
    path.write_text(path.read_text().replace("arm: old", "arm: new", 1))
    code, _, err = call(*by_plan(shops))
    assert code == 2
    assert "the plan was edited" in err


def test_a_plan_keeps_its_design_and_tells_where_it_is_read_in_another_way(shops, call):
    code, _, err = call(*by_plan(shops, "--set", "design.washout=1"))
    assert code == 2
    assert "would change the experiment itself" in err
    code, out, _ = call(*by_plan(shops, "--set", "analysis.adjust=did"))
    assert code == 0
    assert "note: not as planned: analysis.adjust=did" in out


def test_either_a_plan_or_a_config_is_needed(shops, call):
    code, _, err = call("analyze", shops / "outcomes.csv")
    assert code == 2
    assert "give either --plan or --config" in err
