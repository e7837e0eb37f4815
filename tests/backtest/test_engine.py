"""Laws of the engine: same bytes however the work is done, nothing done twice, nothing lost, failures by name."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from backtest import (
    Ask,
    ForecasterFailedError,
    History,
    InputError,
    RollingWindows,
    Settings,
    WorkerLostError,
    backtest,
    plan_units,
    quantile_column,
)
from backtest.identity import identity
from backtest.units import units_of

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # worker processes cannot import a test

WINDOWS = RollingWindows(horizon=3, n_windows=4, refit=2)
SERIES, WEEKS = 7, 40


def panel(bump=0.0):
    calendar = pd.date_range("2025-01-06", periods=WEEKS, freq="W-MON")
    rng = np.random.default_rng(4)
    long = pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(SERIES)], WEEKS),
        "ds": np.tile(calendar, SERIES),
        "y": rng.poisson(np.repeat(np.arange(1.0, SERIES + 1) * 3, WEEKS)).astype(float),
    })  # fmt: skip
    long.loc[(long["unique_id"] == "s6") & (long["ds"] == calendar[10]), "y"] += bump
    return History.of(long)


@pytest.fixture(scope="module")
def market():
    return panel()


@dataclass(frozen=True)
class Mean:
    """Mean of the last periods of each series, with quantiles and paths; writes a line for each fit and forecast."""

    local: ClassVar[bool] = True
    periods: int = 5
    log: Path | None = None

    def fit(self, known):
        self._say("fit", known)
        return self

    def predict(self, known):
        self._say("predict", known)
        last = known.history.groupby("unique_id")["y"].apply(lambda y: y.iloc[-self.periods :].mean())
        level = last.reindex(known.future["unique_id"]).to_numpy()
        out = known.future[["unique_id", "ds"]].assign(forecast=level)
        for q in known.levels:
            out[quantile_column(q)] = level * (0.5 + q)
        for k in range(known.paths):
            out[f"path{k + 1}"] = level + k
        return out

    def _say(self, what, known):
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{what} {known.cutoff:%Y-%m-%d} {known.future['unique_id'].nunique()}\n")


@dataclass(frozen=True)
class Failing:
    """Fails on one series at one cutoff."""

    local: ClassVar[bool] = True
    at: pd.Timestamp
    series: str = "s4"

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        if known.cutoff == self.at and self.series in set(known.future["unique_id"]):
            raise ArithmeticError("singular matrix")
        return known.future[["unique_id", "ds"]].assign(forecast=1.0)


def run(market, forecasters, **settings):
    return backtest(market, forecasters, windows=WINDOWS, settings=Settings(levels=(0.1, 0.9), **settings))


@pytest.mark.parametrize("shard", [1, 3, 7])
def test_shards_and_workers_change_no_byte(market, shard):
    whole = run(market, {"mean": Mean()})
    split = run(market, {"mean": Mean()}, shard=shard, workers=2)
    pd.testing.assert_frame_equal(whole.forecasts, split.forecasts, check_exact=True)
    assert whole.forecasts["unique_id"].tolist() == sorted(whole.forecasts["unique_id"].unique().repeat(3)) * 4


def test_unit_is_a_fit_and_a_shard(market, tmp_path):
    run(market, {"mean": Mean(log=tmp_path / "log")}, shard=3)
    fits = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("fit")]
    assert sorted(int(line[-1]) for line in fits) == [1, 1, 3, 3, 3, 3]


def test_forecaster_that_learns_from_all_series_is_not_split(market):
    counts = plan_units(market, {"mean": Mean(), "whole": Whole()}, windows=WINDOWS, settings=Settings(shard=2))
    assert counts == {"mean": (8, 0), "whole": (2, 0)}


@dataclass(frozen=True)
class Whole:
    """The mean of all series."""

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        return known.future[["unique_id", "ds"]].assign(forecast=known.history["y"].mean())


def test_a_changed_parameter_makes_that_forecaster_anew_and_no_other(market, tmp_path):
    logs = {name: tmp_path / name for name in ("a", "b")}
    units = tmp_path / "units"
    run(market, {"a": Mean(5, logs["a"]), "b": Mean(9, logs["b"])}, units=units)
    before = [len(log.read_text().splitlines()) for log in logs.values()]
    run(market, {"a": Mean(5, logs["a"]), "b": Mean(8, logs["b"])}, units=units)
    after = [len(log.read_text().splitlines()) for log in logs.values()]
    assert [after[0] - before[0], after[1] - before[1]] == [0, before[1]]


def test_a_changed_value_makes_the_shard_that_could_see_it_anew(market, tmp_path):
    log, units = tmp_path / "log", tmp_path / "units"
    run(market, {"mean": Mean(log=log)}, units=units, shard=3)
    log.unlink()
    run(panel(bump=1.0), {"mean": Mean(log=log)}, units=units, shard=3)
    # s6 stands alone in the last shard
    assert [line[-1] for line in log.read_text().splitlines()] == ["1"] * 6


def test_a_unit_that_was_damaged_is_made_anew(market, tmp_path):
    first = run(market, {"mean": Mean()}, units=tmp_path)
    victim = min(tmp_path.glob("*.parquet"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(bytes(data))
    again = run(market, {"mean": Mean()}, units=tmp_path)
    pd.testing.assert_frame_equal(first.forecasts, again.forecasts, check_exact=True)
    assert victim.read_bytes() != bytes(data)


def test_editing_the_code_of_a_forecaster_makes_another_of_it(tmp_path, monkeypatch):
    module = tmp_path / "own_model.py"
    module.write_text("class Own:\n    def fit(self, known): return self\n")
    monkeypatch.syspath_prepend(tmp_path)
    import own_model

    before = identity("own", own_model.Own())
    assert identity("own", own_model.Own()) == before
    module.write_text("class Own:\n    def fit(self, known): return None\n")
    assert identity("own", own_model.Own()) != before


def test_a_forecaster_that_cannot_be_pickled_is_refused_by_name(market):
    class Local:
        """Holds a lock."""

        def __init__(self):
            self.lock = threading.Lock()

        def fit(self, known):
            """Fit nothing."""

    with pytest.raises(InputError, match=r"forecasters.own: own cannot be pickled: .*; let it hold parameters only"):
        run(market, {"own": Local()})


KILLED = """
import sys, time
sys.path.insert(0, {folder!r})
from pathlib import Path
import test_engine as t
from dataclasses import dataclass

class Slow(t.Mean):
    def predict(self, known):
        time.sleep(0.05)
        return super().predict(known)

if __name__ == "__main__":
    forecasters = {{"mean": Slow(), "other": Slow(3), "whole": t.Whole()}}
    made = t.run(t.panel(), forecasters, units=Path(sys.argv[1]), shard=2, workers=int(sys.argv[2]))
    made.forecasts.to_parquet(sys.argv[3], index=False)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_killed_at_any_moment_goes_on_and_ends_with_the_same_bytes(tmp_path, workers):
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(folder=str(Path(__file__).parent)))

    def start(units, out):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, script, tmp_path / units, str(workers), tmp_path / out], env=environment,
            start_new_session=True,
        )  # fmt: skip

    assert start("whole", "whole.parquet").wait() == 0
    total = len(list((tmp_path / "whole").glob("*.json")))
    rng = random.Random(workers)  # noqa: S311 - no secret
    for _ in range(2):
        process, before = start("units", "killed.parquet"), len(list((tmp_path / "units").glob("*.json")))
        wait = time.monotonic() + 60
        while len(list((tmp_path / "units").glob("*.json"))) < min(before + 2, total) and time.monotonic() < wait:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    survived = len(list((tmp_path / "units").glob("*.json")))
    assert survived >= 4
    assert start("units", "killed.parquet").wait() == 0
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_what_a_forecaster_took_is_recorded_and_kept(market, tmp_path):
    first = run(market, {"mean": Mean()}, units=tmp_path, shard=3).usage["mean"]
    assert first.fit_seconds > 0
    assert first.predict_seconds > 0
    assert first.forecasts == SERIES * 4
    assert first.latency == pytest.approx(first.predict_seconds / 28)
    assert first.peak_memory > 50e6
    again = run(market, {"mean": Mean()}, units=tmp_path, shard=3).usage["mean"]
    assert again == first
    told = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert sorted(tuple(t["series"]) for t in told) == [(0, 3), (0, 3), (3, 6), (3, 6), (6, 7), (6, 7)]


def test_progress_counts_units(market):
    seen = []
    backtest(
        market, {"mean": Mean(), "whole": Whole()}, windows=WINDOWS, settings=Settings(shard=4),
        progress=lambda model, done, total: seen.append((model, done, total)),
    )  # fmt: skip
    assert [s[1:] for s in seen] == [(k, 6) for k in range(1, 7)]
    assert {s[0] for s in seen} == {"mean", "whole"}


def at(market, k=1):
    return WINDOWS.over(market.calendar)[k].cutoff


def test_failure_names_the_series_of_the_unit(market):
    result = run(market, {"failing": Failing(at(market)), "mean": Mean()}, shard=3, on_failure="skip")
    (failure,) = result.failures
    assert (failure.model, failure.cutoff, failure.series) == ("failing", at(market), (3, 6))
    assert failure.error == "ArithmeticError: singular matrix"
    assert result.usage["failing"].failures == 1


def test_skip_leaves_the_whole_cutoff_out_so_that_scores_are_over_the_same_series(market):
    result = run(market, {"failing": Failing(at(market)), "mean": Mean()}, shard=3, on_failure="skip")
    counts = result.forecasts.groupby(["model", "cutoff"])["unique_id"].nunique().unstack()  # noqa: PD010
    assert counts.loc["failing"].notna().tolist() == [True, False, True, True]
    assert set(counts.stack()) == {SERIES}  # noqa: PD013


def test_fallback_gives_the_series_that_failed_the_forecasts_of_the_baseline(market):
    result = run(
        market, {"failing": Failing(at(market)), "mean": Mean()}, shard=3, on_failure="fallback", fallback="mean"
    )
    made = result.forecasts[result.forecasts["cutoff"] == at(market)].set_index(["model", "unique_id", "ds"])
    replaced = made.loc["failing"].loc[["s3", "s4", "s5"]]
    pd.testing.assert_frame_equal(replaced, made.loc["mean"].loc[["s3", "s4", "s5"]])
    assert (made.loc["failing"].loc[["s0", "s6"], "forecast"] == 1.0).all()
    assert result.notes["failing"] == (
        f"at {at(market):%Y-%m-%d}: 3 series got the forecasts of mean: ArithmeticError: singular matrix",
    )
    assert len(result.failures) == 1


def test_fallback_for_the_first_shard_gives_no_row_twice(market):
    failing = Failing(at(market), series="s1")
    result = run(market, {"failing": failing, "mean": Mean()}, shard=3, on_failure="fallback", fallback="mean")
    assert not result.forecasts.duplicated(["model", "cutoff", "unique_id", "ds"]).any()
    assert result.failures[0].series == (0, 3)
    assert result.notes["failing"][0].startswith(f"at {at(market):%Y-%m-%d}: 3 series got")


@pytest.mark.parametrize("name", ["a", "z"])
def test_what_the_baseline_failed_on_stands_in_for_nobody_whatever_the_names(name, market):
    forecasters = {name: Failing(at(market), "s1"), "mean": Failing(at(market), "s1")}
    result = run(market, forecasters, shard=3, on_failure="fallback", fallback="mean")
    counts = result.forecasts.groupby(["model", "cutoff"])["unique_id"].nunique()
    assert set(counts) == {SERIES}
    assert at(market) not in set(result.forecasts["cutoff"])


def test_baseline_that_fails_itself_leaves_the_cutoff_out(market):
    other = Failing(at(market, 2))
    result = run(market, {"failing": other, "mean": Mean()}, on_failure="fallback", fallback="failing")
    assert result.forecasts.groupby("model")["cutoff"].nunique().to_dict() == {"failing": 3, "mean": 4}


def test_unknown_fallback_is_refused_before_anything_runs(market):
    with pytest.raises(InputError, match=r"fallback='maen' is not a forecaster; did you mean 'mean'"):
        run(market, {"mean": Mean()}, on_failure="fallback", fallback="maen")


def test_failed_units_are_tried_again_and_finished_ones_are_kept(market, tmp_path):
    with pytest.raises(ForecasterFailedError):
        run(market, {"failing": Failing(at(market))}, units=tmp_path, shard=3)
    kept = {path.name for path in tmp_path.glob("*.json")}
    result = run(market, {"failing": Failing(at(market))}, units=tmp_path, shard=3, on_failure="skip")
    assert len(result.failures) == 1
    assert kept <= {path.name for path in tmp_path.glob("*.json")}


def test_sample_paths_are_a_table_of_their_own(market):
    result = run(market, {"mean": Mean(), "whole": Whole()}, paths=3, shard=2)
    assert result.paths.columns.tolist() == ["model", "cutoff", "unique_id", "ds", "path1", "path2", "path3"]
    assert set(result.paths["model"]) == {"mean"}
    assert not [c for c in result.forecasts.columns if c.startswith("path")]
    means = result.forecasts[result.forecasts["model"] == "mean"].reset_index(drop=True)
    np.testing.assert_allclose(result.paths["path3"], means["forecast"] + 2)


def test_steps_begin_after_the_gap_and_nothing_of_the_gap_is_known(market):
    gapped = RollingWindows(horizon=2, n_windows=2, gap=3)
    made = backtest(market, {"mean": Mean()}, windows=gapped, settings=Settings(levels=(0.5,))).forecasts
    ahead = (made["ds"] - made["cutoff"]).dt.days // 7
    assert sorted(set(ahead)) == [4, 5]
    last = market.frame[market.frame["ds"] <= made["cutoff"].max()].groupby("unique_id")["y"]
    expected = last.apply(lambda y: y.iloc[-5:].mean())
    newest = made[made["cutoff"] == made["cutoff"].max()].drop_duplicates("unique_id").set_index("unique_id")
    pd.testing.assert_series_equal(newest["forecast"], expected, check_names=False)
    assert made["ds"].max() == market.calendar[-1]


@dataclass(frozen=True)
class Spoiling:
    """Changes what it is handed."""

    def fit(self, known):
        known.history["y"] = -1.0
        known.future["ds"] = pd.Timestamp("1999-01-01")
        return self

    def predict(self, known):
        return known.wanted().assign(forecast=known.history["y"].mean())


def test_forecaster_that_changes_what_it_is_handed_harms_no_other(market):
    alone = run(market, {"mean": Mean()}).forecasts
    both = run(market, {"spoiling": Spoiling(), "mean": Mean()}, on_failure="skip").forecasts
    beside = both[both["model"] == "mean"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, beside[alone.columns], check_exact=True)
    pd.testing.assert_frame_equal(market.frame, panel().frame)


@dataclass(frozen=True)
class Dying:
    """Takes its process with it, as the system does when memory runs out."""

    local: ClassVar[bool] = True

    def fit(self, known):
        if "s6" in set(known.future["unique_id"]):
            os.kill(os.getpid(), signal.SIGKILL)
        return Mean()


def test_a_worker_that_dies_is_one_clear_error_and_finished_work_is_kept(market, tmp_path):
    with pytest.raises(WorkerLostError, match=r"a worker process died, .* finished work is kept"):
        run(market, {"mean": Mean(), "dying": Dying()}, workers=2, shard=6, units=tmp_path)
    assert list(tmp_path.glob("*.json"))


def test_a_gap_is_not_taken_for_a_step(market, tmp_path):
    settings = Settings(units=tmp_path, levels=())
    cutoff = market.calendar[-6]
    plain = RollingWindows(horizon=3, last_cutoff=cutoff)
    gapped = RollingWindows(horizon=2, gap=1, last_cutoff=cutoff)
    assert len(backtest(market, {"mean": Mean()}, windows=plain, settings=settings).forecasts) == 3 * SERIES
    assert len(backtest(market, {"mean": Mean()}, windows=gapped, settings=settings).forecasts) == 2 * SERIES


def test_names_of_revised_covariates_are_part_of_what_a_unit_saw():
    def keys(name):
        frame, cutoff = panel().frame, WINDOWS.over(panel().calendar)[0].cutoff
        told = frame[["unique_id", "ds"]].assign(as_of=cutoff, **{name: 1.0})
        units = units_of(
            History.of(frame, vintages=[told]), {"mean": Mean()}, WINDOWS.over(panel().calendar), ask=Ask(), shard=9
        )
        return [unit.key for unit in units]

    assert keys("rain") == keys("rain")
    assert not set(keys("rain")) & set(keys("sun"))


@dataclass(frozen=True)
class FewPaths(Mean):
    """Draws fewer paths than are wanted."""

    def predict(self, known):
        return super().predict(replace(known, paths=known.paths - 1))


def test_fewer_sample_paths_than_wanted_break_the_contract(market):
    with pytest.raises(ForecasterFailedError, match="2 sample paths, and 3 are wanted"):
        run(market, {"few": FewPaths()}, paths=3)


@dataclass(frozen=True)
class Priced(Mean):
    """Holds prices of its own."""

    prices: tuple = ((0, 1.0),)

    def as_known(self, cutoff):
        return replace(self, prices=tuple(p for p in self.prices if p[0] <= cutoff.value))


def test_a_forecaster_with_data_of_its_own_is_run_with_what_was_known_and_kept_when_later_data_come(market, tmp_path):
    log = tmp_path / "log"
    later = market.calendar[-1].value
    run(market, {"priced": Priced(log=log)}, units=tmp_path)
    lines = len(log.read_text().splitlines())
    run(market, {"priced": Priced(log=log, prices=((0, 1.0), (later, 2.0)))}, units=tmp_path)
    assert len(log.read_text().splitlines()) == lines
    run(market, {"priced": Priced(log=log, prices=((0, 1.5), (later, 2.0)))}, units=tmp_path)
    assert len(log.read_text().splitlines()) == 2 * lines


def test_code_of_functions_and_of_whole_packages_is_part_of_a_forecaster(tmp_path, monkeypatch):
    package = tmp_path / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import rule\n")
    (package / "inner.py").write_text("from .deep import FACTOR\ndef rule(known): return FACTOR\n")
    (package / "deep.py").write_text("FACTOR = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import own_package

    held = partial(own_package.rule, 3)
    before = identity("own", held)
    assert identity("own", held) == before
    (package / "deep.py").write_text("FACTOR = 2\n")
    assert identity("own", held) != before


def test_a_class_retyped_at_a_prompt_is_another():
    def typed(text):
        space = {"__name__": "__main__"}
        exec(text, space)  # noqa: S102 - as a prompt does
        return space["Own"]()

    one, other = (f"class Own:\n    def fit(self, known): return {value}\n" for value in ("self", "None"))
    assert identity("own", typed(one)) != identity("own", typed(other))


@dataclass(frozen=True)
class Leaving:
    """Ends the program, as a script that was not meant to be imported does."""

    def fit(self, known):  # noqa: ARG002 - it leaves
        sys.exit(0)


def test_a_forecaster_that_ends_the_program_has_failed(market):
    with pytest.raises(ForecasterFailedError, match=r"leaving failed at cutoff .*: SystemExit: 0"):
        run(market, {"leaving": Leaving()})


def test_what_is_no_forecaster_is_refused_by_name_and_all_at_once(market):
    with pytest.raises(InputError) as error:
        backtest(
            market, {"kind": Mean, "function": lambda known: known, "mean": Mean()}, windows=WINDOWS,
            settings=Settings(on_failure="skp", workers=0),
        )  # fmt: skip
    assert [f.place for f in error.value.faults] == [
        "settings.workers", "settings.on_failure", "forecasters.kind", "forecasters.function"
    ]  # fmt: skip
    assert "did you mean 'skip'" in str(error.value)
    assert "kind is a class" in str(error.value)
