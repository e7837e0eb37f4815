"""A mean or median of other forecasters' forecasts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ..columns import path_column, path_columns, quantile_levels
from ..faults import Fault, refuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..derived import Made
    from ..forecaster import Known
    from ..windows import RollingWindows


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A mean or median of the forecasts of other forecasters in the same backtest, which may be derived themselves.

    members : their names.
    weights : of the mean, one a member, in any unit; None weights them alike.
    how : mean or median.

    Quantiles are combined level by level, for the levels that all members have: with the mean, the quantile function is
    the mean of the members' quantile functions (Vincentization), which keeps the members' mean spread. Averaging
    their distribution functions instead (a linear pool) would add the disagreement of the members to it.

    Sample paths are a linear pool: each member gives the share of its paths that is its weight, or an equal share for
    the median; a mean of paths drawn apart would lose spread. There are none unless all members have equally many.

    Source: Lichtendahl, Grushka-Cockayne and Winkler (2013), Is it better to average probabilities or quantiles?,
    Management Science 59.

    Raises InputError for fewer than two members, a member named twice, weights that are too many, too few, negative,
    all zero or given for the median.
    """

    members: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    how: Literal["mean", "median"] = "mean"

    def __post_init__(self) -> None:
        """Refuse members and weights that make no ensemble, all faults at once."""
        refuse(_member_faults(self.members) + _weight_faults(self))

    def earlier(self, windows: RollingWindows, calendar: pd.DatetimeIndex) -> int:  # noqa: ARG002 - the same for all
        """No cutoffs before the first: nothing is learnt."""
        return 0

    def derive(self, known: Known, made: Made) -> pd.DataFrame:
        """Combine the members' forecasts of `known.wanted()`.

        Raises ValueError when a member has no forecast of a wanted row.
        """
        out = known.wanted().reset_index(drop=True)
        parts = [forecasts_at(made.now, member, out) for member in self.members]
        shared = [c for c in quantile_levels(list(made.now.columns)).values() if all(p[c].notna().all() for p in parts)]
        columns = ["forecast", *shared]
        stacked = np.stack([p[columns].to_numpy(dtype=float) for p in parts])  # [member, row, column]
        values = np.median(stacked, axis=0) if self.how == "median" else np.tensordot(self._shares(), stacked, axes=1)
        values[:, 1:] = np.sort(values[:, 1:], axis=1)
        combined = pd.DataFrame(values, columns=columns)
        return pd.concat([out, combined, self._pooled_paths(parts)], axis=1)

    def _shares(self) -> NDArray[np.float64]:
        weights = np.ones(len(self.members)) if self.weights is None else np.asarray(self.weights, dtype=float)
        return np.asarray(weights / weights.sum())

    def _pooled_paths(self, parts: list[pd.DataFrame]) -> pd.DataFrame:
        """As many paths as each member has, from each by its share; members' paths are exchangeable."""
        given = [part[path_columns(list(part.columns))].dropna(axis=1, how="any") for part in parts]
        count = given[0].shape[1]
        if not count or any(paths.shape[1] != count for paths in given):
            return pd.DataFrame(index=parts[0].index)
        ends = np.round(np.cumsum(self._shares()) * count).astype(int)
        taken = np.diff(ends, prepend=0)
        pool = np.hstack([paths.to_numpy()[:, :n] for paths, n in zip(given, taken, strict=True)])
        return pd.DataFrame(pool, columns=[path_column(k + 1) for k in range(count)])


def forecasts_at(now: pd.DataFrame, member: str, wanted: pd.DataFrame) -> pd.DataFrame:
    """Rows of a member, in the order of the wanted rows.

    Raises ValueError when one is missing: the member failed.
    """
    part = wanted.merge(now[now["model"] == member], on=["unique_id", "ds"], how="left")
    missing = part["forecast"].isna()
    if missing.any():
        row = part[missing].iloc[0]
        raise ValueError(f"its member {member!r} has no forecast for unique_id={row['unique_id']!r} at {row['ds']}")
    return part


def _member_faults(members: tuple[str, ...]) -> list[Fault]:
    faults = [
        Fault("duplicate-member", f"member {name!r} stands {n} times", "forecasters", "name it once, with a weight")
        for name, n in Counter(members).items() if n > 1
    ]  # fmt: skip
    if len(set(members)) < 2:
        faults.append(
            Fault("too-few-members", f"members={list(members)} must be two or more", "forecasters", "add one")
        )
    return faults


def _weight_faults(ensemble: Ensemble) -> list[Fault]:
    weights, members = ensemble.weights, ensemble.members
    if weights is None:
        return []
    faults = [
        Fault("weight", f"weight {weight!r} of member {name!r} must be finite and >= 0", "forecasters", "correct it")
        for weight, name in zip(weights, members, strict=False) if not 0 <= weight < np.inf
    ]  # fmt: skip
    if ensemble.how == "median":
        faults.append(Fault("weight", "weights are given for a median", "forecasters", "leave them out, or how: mean"))
    if len(weights) != len(members):
        what = f"{len(weights)} weights for {len(members)} members"
        faults.append(Fault("weight", what, "forecasters", "give one weight a member"))
    if not faults and sum(weights) == 0:
        faults.append(Fault("weight", "all weights are 0", "forecasters", "give one that is larger"))
    return faults
