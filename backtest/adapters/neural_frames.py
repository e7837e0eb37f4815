"""What was known at a cutoff, in the frames that neuralforecast reads."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..faults import Fault, nearest, refuse
from ..forecaster import FallbackWarning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ..forecaster import Known
    from .series_costs import SeriesCosts

KEY = ["unique_id", "ds"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Columns that a network sees beside demand.

    covariates : known-future ones; past_covariates : as far as the cutoff; static : of the series.
    """

    covariates: tuple[str, ...]
    past_covariates: tuple[str, ...]
    static: tuple[str, ...]

    def check(self, known: Known) -> None:
        """Refuse names that there are not, all at once."""
        past = [c for c in known.history.columns if c not in (*KEY, "y")]
        refuse([
            *_unknown("known-future covariate", self.covariates, known.known_future),
            *_unknown("past covariate", self.past_covariates, past),
            *_unknown("static column", self.static, known.static.columns),
            *(Fault("given-twice", f"{c!r} is named as a covariate and as a past covariate", "forecasters",
                    "a covariate's past is seen anyway: leave it out of past_covariates")
              for c in self.past_covariates if c in self.covariates),
        ])  # fmt: skip

    def categories(self, known: Known) -> dict[str, int]:
        """Text columns with the number of values that they have; one never seen in training counts as unknown."""
        frames = [known.history[[*self.covariates, *self.past_covariates]], known.static[list(self.static)]]
        return {
            str(name): max(1, int(frame[name].nunique()))
            for frame in frames for name in frame.columns if not _is_number(frame[name])
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Three frames for neuralforecast. Periods are numbered, since its networks need their order only.

    past : unique_id, ds (int), y and covariates.
    future : unique_id, ds (int) and known-future covariates; in the order of `Known.future`, series left out apart.
    static : unique_id and static columns, or None.
    """

    past: pd.DataFrame
    future: pd.DataFrame
    static: pd.DataFrame | None


def frames_of(known: Known, chosen: Chosen, costs: SeriesCosts | None, history: pd.DataFrame) -> Frames:
    """Frames of the series of `history`, which is that of `known` or a part of it."""
    columns = [*chosen.covariates, *chosen.past_covariates]
    both = pd.concat([history[[*KEY, "y", *columns]], known.future[[*KEY, *chosen.covariates]]], ignore_index=True)
    both["ds"] = np.unique(both["ds"], return_inverse=True)[1]
    both[columns] = _without_gaps(both, chosen)
    past, future = both.iloc[: len(history)], both.iloc[len(history) :]
    ids = np.asarray(pd.unique(both["unique_id"]), dtype=object)
    return Frames(past, future[[*KEY, *chosen.covariates]], _static(known, chosen, costs, ids))


def panel_of(frames: Frames, ids: Iterable[str], horizon: int) -> Frames:
    """The same series at all periods, as a network wants that sees them side by side; what is missing is masked."""
    names, first = list(ids), frames.past["ds"].min()
    cutoff = int(frames.future["ds"].min()) - 1
    past = _every(frames.past.assign(available_mask=1.0), names, range(first, cutoff + 1))
    future = _every(frames.future, names, range(cutoff + 1, cutoff + 1 + horizon))
    static = frames.static
    return Frames(past, future, None if static is None else static[static["unique_id"].isin(names)])


def long_enough(frames: Frames, val_size: int) -> Frames:
    """Leave out series that are too short to be split into training and validation."""
    if not val_size:
        return frames
    past = frames.past[frames.past.groupby("unique_id")["y"].transform("size") > val_size]
    if past.empty:
        raise ValueError(f"no series is longer than val_size={val_size}")
    static = frames.static
    if static is not None:
        static = static[static["unique_id"].isin(past["unique_id"])]
    return Frames(past, frames.future, static)


def _every(frame: pd.DataFrame, ids: list[str], periods: range) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([ids, periods], names=KEY)
    whole = frame.set_index(KEY).reindex(index)
    numbers = [c for c in whole.columns if _is_number(frame[c])]
    whole[numbers] = whole[numbers].fillna(0.0)
    return whole.fillna("").reset_index()


def _without_gaps(frame: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    """Covariates of history and future: a missing number is the last known one of its series, before the first 0."""
    values = frame[[*chosen.covariates, *chosen.past_covariates]].copy()
    numbers = [c for c in values.columns if _is_number(values[c])]
    missing = values[numbers].isna()
    ahead = [c for c in numbers if c in chosen.past_covariates]  # nobody knows them in the future
    missing[ahead] = missing[ahead].mask(frame["y"].isna(), other=False)
    _note_filled(missing.sum())
    values[numbers] = values[numbers].groupby(frame["unique_id"]).ffill().fillna(0.0).astype(float)
    return _as_text(values, numbers)


def _as_text(values: pd.DataFrame, numbers: list[Any]) -> pd.DataFrame:
    """Columns that are no numbers as text, an empty one where nothing is known."""
    words = {c: values[c].astype(object).where(values[c].notna(), "").astype(str)
             for c in values.columns if c not in numbers}  # fmt: skip
    return values.assign(**words)


def _note_filled(counts: pd.Series[int]) -> None:
    if counts.sum():
        what = ", ".join(f"{n} of {c}" for c, n in counts.items() if n)
        text = f"missing covariates got the last value known of the series, or 0: {what}"
        warnings.warn(FallbackWarning(text), stacklevel=4)


def _static(known: Known, chosen: Chosen, costs: SeriesCosts | None, ids: NDArray[np.object_]) -> pd.DataFrame | None:
    if not chosen.static and costs is None:
        return None
    table = known.static.reindex(ids)[list(chosen.static)]
    numbers = [c for c in table.columns if _is_number(table[c])]
    _note_filled(table[numbers].isna().sum())
    table[numbers] = table[numbers].astype(float).fillna(0.0)
    table = _as_text(table, numbers)
    if costs is not None:
        table = table.join(costs.at(known))
    return table.rename_axis("unique_id").reset_index()


def _is_number(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))


def _unknown(what: str, names: Iterable[str], known: Iterable[Any]) -> list[Fault]:
    there = list(map(str, known))
    return [
        Fault("unknown-column", f"there is no {what} {name!r}", "forecasters",
              nearest(name, there) if there else "the data has none")
        for name in names if name not in there
    ]  # fmt: skip
