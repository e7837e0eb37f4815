"""Laws of forecasters of third parties: found by name, recognised by their code, the same in every process."""

import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest

from backtest import Derived, Forecaster, InputError, RollingWindows, Settings, backtest
from backtest.adapters import SeasonalAverage
from backtest.adapters.imported import ImportedDerived, imported
from backtest.forecaster import is_local
from backtest.testing import market_of

CODE = """
from dataclasses import dataclass

import beside


@dataclass(frozen=True)
class Flat:
    level: float = beside.LEVEL
    local = True

    def fit(self, known):
        return self

    def predict(self, known):
        return known.wanted().assign(forecast=self.level)


def build(level):
    return Flat(2 * level)


def last_value(known, times=1.0):
    last = known.history.groupby("unique_id")["y"].last()
    rows = known.wanted()
    return rows.assign(forecast=times * last.loc[rows["unique_id"]].to_numpy())


def by_series(known):
    return known.wanted().assign(forecast=1.0)


by_series.local = True
ready = Flat(7.0)
nothing = 3


def grumpy(level):
    raise RuntimeError("not today")


def wrong():
    return 5


class Twice:
    def __init__(self, of, earlier=0):
        self.members, self.earlier = (of,), earlier

    def derive(self, known, made):
        return made.now[["unique_id", "ds"]].assign(forecast=2 * made.now["forecast"])


class Reaching(Twice):
    def __init__(self, of):
        self.members = (of,)

    def earlier(self, windows, calendar):
        return windows.horizon + len(calendar)
"""


@pytest.fixture
def folder(tmp_path):
    """A folder as a config lies in, with modules beside it; nothing of it stays behind."""
    before = list(sys.path)
    (tmp_path / "mine_h5.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "beside.py").write_text("LEVEL = 3.0\n", encoding="utf-8")
    yield tmp_path
    for name in ("mine_h5", "beside", "torn_h5", "yours_h5"):
        sys.modules.pop(name, None)
    assert sys.path == before


def forecasts(forecaster, others=None, **settings):
    every = {"it": forecaster, **(others or {})}
    windows = RollingWindows(horizon=2, n_windows=2, refit=2)
    made = backtest(market_of(), every, windows=windows, settings=Settings(**settings)).forecasts
    return made[made["model"] == "it"].dropna(axis=1, how="all").reset_index(drop=True)


def test_class_is_called_with_its_params(folder):
    found = imported("mine_h5:Flat", {"level": 4.0}, folder=folder)
    assert set(forecasts(found)["forecast"]) == {4.0}
    assert set(forecasts(imported("mine_h5:Flat", folder=folder))["forecast"]) == {3.0}


def test_function_that_makes_a_forecaster_is_called_with_its_params(folder):
    assert set(forecasts(imported("mine_h5:build", {"level": 4.0}, folder=folder))["forecast"]) == {8.0}


def test_forecaster_that_is_ready_is_taken_as_it_is(folder):
    assert set(forecasts(imported("mine_h5:ready", folder=folder))["forecast"]) == {7.0}


def test_plain_function_forecasts_anew_at_every_cutoff(folder):
    made = forecasts(imported("mine_h5:last_value", {"times": 3.0}, folder=folder))
    sold = market_of().frame[["unique_id", "ds", "y"]].rename(columns={"ds": "cutoff"})
    came = made.merge(sold, on=["unique_id", "cutoff"])
    assert len(came) == len(made)
    assert (came["forecast"] == 3 * came["y"]).all()
    assert came.groupby("unique_id")["forecast"].nunique().max() == 2


def test_derived_forecaster_is_made_of_its_members(folder):
    found = imported("mine_h5:Twice", {"of": "average"}, folder=folder)
    assert isinstance(found, ImportedDerived | Derived)
    assert not isinstance(found, Forecaster)
    average = SeasonalAverage(4, "none")
    plain = forecasts(average)
    assert (forecasts(found, {"average": average})["forecast"] == 2 * plain["forecast"]).all()


def test_derived_forecaster_may_name_its_earlier_cutoffs_by_a_number_or_by_a_method(folder):
    windows, calendar = RollingWindows(horizon=3), pd.date_range("2026-01-01", periods=9)
    number = imported("mine_h5:Twice", {"of": "average", "earlier": 4}, folder=folder)
    method = imported("mine_h5:Reaching", {"of": "average"}, folder=folder)
    assert (number.earlier(windows, calendar), method.earlier(windows, calendar)) == (4, 12)


@pytest.mark.parametrize(
    ("name", "params", "local"),
    [
        ("Flat", {}, True),
        ("build", {"level": 1}, True),
        ("ready", {}, True),
        ("by_series", {}, True),
        ("last_value", {}, False),
    ],
)
def test_local_passes_through(name, params, local, folder):
    assert is_local(imported(f"mine_h5:{name}", params, folder=folder)) is local


def test_worker_processes_find_the_folder_of_the_config(folder):
    found = imported("mine_h5:last_value", folder=folder)
    one, two = (forecasts(found, {"flat": imported("mine_h5:Flat", folder=folder)}, workers=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_edited_code_is_a_changed_forecaster_and_runs_at_once(folder, tmp_path):
    units = tmp_path / "units"
    before = imported("mine_h5:last_value", folder=folder)
    same = imported("mine_h5:last_value", folder=folder)
    assert (before, repr(before), joblib.hash(before)) == (same, repr(same), joblib.hash(same))
    first = forecasts(before, units=units)
    (folder / "mine_h5.py").write_text(CODE.replace("times * last", "100 + times * last"), encoding="utf-8")
    after = imported("mine_h5:last_value", folder=folder)
    assert after != before
    assert repr(after) != repr(before)
    assert joblib.hash(after) != joblib.hash(before)
    pd.testing.assert_series_equal(forecasts(after, units=units)["forecast"], first["forecast"] + 100)


def test_edit_behind_the_back_of_a_running_backtest_is_refused(folder):
    before = imported("mine_h5:Flat", folder=folder)
    (folder / "mine_h5.py").write_text(CODE + "\n# another day\n", encoding="utf-8")
    with pytest.raises(InputError, match="the code of mine_h5:Flat has changed since the work began; start again"):
        before.fit(None)


def test_installed_module_that_was_edited_since_it_was_loaded_is_refused(tmp_path, monkeypatch):
    (tmp_path / "installed_h5.py").write_text(CODE.replace("import beside", "").replace("beside.LEVEL", "3.0"))
    monkeypatch.syspath_prepend(tmp_path)
    imported("installed_h5:Flat")
    (tmp_path / "installed_h5.py").write_text(CODE.replace("import beside", "").replace("beside.LEVEL", "44.0"))
    with pytest.raises(InputError, match="the code of installed_h5:Flat has changed"):
        imported("installed_h5:Flat")
    del sys.modules["installed_h5"]


def test_params_are_part_of_the_content(folder):
    two, three = (imported("mine_h5:Flat", {"level": level}, folder=folder) for level in (2.0, 3.0))
    assert joblib.hash(two) != joblib.hash(three)
    assert repr(two) != repr(three)


def test_module_of_the_same_name_in_another_folder_is_another_module(folder, tmp_path):
    there = tmp_path / "other"
    there.mkdir()
    (there / "mine_h5.py").write_text(CODE, encoding="utf-8")
    (there / "beside.py").write_text("LEVEL = 11.0\n", encoding="utf-8")
    here, other = imported("mine_h5:Flat", folder=folder), imported("mine_h5:Flat", folder=there)
    assert set(forecasts(here)["forecast"]) == {3.0}
    assert set(forecasts(other)["forecast"]) == {11.0}
    assert set(forecasts(here)["forecast"]) == {3.0}


def test_installed_module_comes_before_one_of_the_folder(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    (folder / "colorsys.py").write_text("Flat = None", encoding="utf-8")
    with pytest.raises(InputError, match="colorsys has no 'Flat'"):
        imported("colorsys:Flat", folder=folder)


BAD = {
    "no such module": ("mine_h6:Flat", {}, "there is no module 'mine_h6'; did you mean 'mine_h5'"),
    "no such package": ("nowhere.at.all:X", {}, "there is no module 'nowhere'; known: beside, mine_h5"),
    "no such submodule": (
        "backtest.adaptors:SeasonalAverage", {}, r"no module 'backtest.adaptors'; did you mean 'adapters'"),
    "no such attribute": ("mine_h5:Flad", {}, "mine_h5 has no 'Flad'; did you mean 'Flat'"),
    "no such entry point": ("flat", {}, r"no installed package has an entry point 'flat' in forecast_eval.forecasters"),
    "unknown param": (
        "mine_h5:Flat", {"levle": 1}, "params of mine_h5:Flat: .*unexpected keyword argument 'levle'; .*'level'"),
    "missing param": ("mine_h5:build", {}, "params of mine_h5:build: missing a required .*'level'; it takes level"),
    "params of a function": ("mine_h5:last_value", {"time": 2}, "unexpected keyword argument 'time'; .*'times'"),
    "params of none": ("mine_h5:wrong", {"a": 2}, "unexpected keyword argument 'a'; it takes none"),
    "params of what is ready": ("mine_h5:ready", {"level": 2}, "mine_h5:ready is a forecaster already"),
    "refused params": ("mine_h5:grumpy", {"level": 2}, "grumpy refuses its params: RuntimeError: not today"),
    "no forecaster": ("mine_h5:wrong", {}, r"mine_h5:wrong gives a int, which has no fit\(known\)"),
    "neither": ("mine_h5:nothing", {}, "mine_h5:nothing is a int, neither a forecaster nor what makes one"),
    "broken module": ("torn_h5:Flat", {}, "torn_h5 cannot be imported: SyntaxError"),
    "module that lacks another": ("yours_h5:Flat", {}, "yours_h5 cannot be imported: .*No module named 'nowhere_h5'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_one_clear_fault(name, folder):
    (folder / "torn_h5.py").write_text("def Flat(:\n", encoding="utf-8")
    (folder / "yours_h5.py").write_text("import nowhere_h5\n", encoding="utf-8")
    text, params, message = BAD[name]
    if name == "no such package":
        for spare in ("torn_h5.py", "yours_h5.py"):
            (folder / spare).unlink()
    with pytest.raises(InputError, match=message) as caught:
        imported(text, params, folder=folder)
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].place == "forecasters"


def test_folder_is_looked_in_last_and_only_while_importing(folder):
    before = list(sys.path)
    imported("mine_h5:Flat", folder=folder)
    assert sys.path == before
    assert str(Path(folder).resolve()) not in sys.path
