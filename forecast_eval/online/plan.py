"""The plan of an experiment: who gets what and when, what can be found, and a hash by which an edit is seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping  # noqa: TC003 - pydantic reads annotations when the program runs
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from backtest.faults import Fault, InputError

from ..config.experiment import ExperimentConfig  # noqa: TC001 - the same
from ..config.read_yaml import read_yaml
from .aa import AACheck  # noqa: TC001 - the same
from .balance import Balance  # noqa: TC001 - the same
from .power import Detectable  # noqa: TC001 - the same
from .randomisation import Randomisation

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .outcomes import Outcomes

FORMAT = 1
Period = int | datetime


@dataclass(frozen=True, slots=True)
class History:
    """What the plan was made on: number of units and periods, first and last period, and a hash of the values."""

    units: int
    periods: int
    first: Period
    last: Period
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Member:
    """A unit of the experiment.

    arm : its arm, or in a switchback its arm in each block.
    group : stratum or matched group within which its arm was drawn; None in a switchback, whose groups are its blocks.
    balance : its values of what was balanced; empty where nothing was.
    """

    arm: str | tuple[str, ...]
    group: str | None = None
    balance: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment as it was designed.

    config : every setting, defaults included; `config.seed` drew the arms.
    pre, test : every period of the pre-period and of the test; the first `config.design.washout` of the test, or of
        each block of a switchback, are left out of the analysis.
    members : name of each unit -> its arm, and how that was drawn.
    covariates : names of what was balanced.
    detectable, aa, balance : what can be found, whether nothing is found where nothing is, how alike the arms are.
    """

    config: ExperimentConfig
    pre: tuple[Period, ...]
    test: tuple[Period, ...]
    history: History
    members: Mapping[str, Member]
    covariates: tuple[str, ...] = ()
    detectable: tuple[Detectable, ...] = ()
    aa: tuple[AACheck, ...] = ()
    balance: tuple[Balance, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, the control first."""
        return tuple(self.config.design.arms)

    @property
    def units(self) -> tuple[str, ...]:
        """Names of the units, in the order of `randomisation` and of outcomes."""
        return tuple(sorted(self.members))

    @property
    def assignment(self) -> dict[str, str]:
        """Arm of each unit; empty for a switchback."""
        return {unit: own.arm for unit, own in self.members.items() if isinstance(own.arm, str)}

    @property
    def blocks(self) -> dict[str, tuple[str, ...]]:
        """Arm of each unit in each block of a switchback; empty for everything else."""
        return {unit: own.arm for unit, own in self.members.items() if isinstance(own.arm, tuple)}

    @property
    def groups(self) -> dict[str, str]:
        """Stratum or matched group of each unit; empty for a switchback."""
        return {unit: own.group for unit, own in self.members.items() if own.group is not None}

    @property
    def test_index(self) -> pd.Index:
        """Periods of the test, as those of outcomes."""
        return pd.Index(self.test)

    @property
    def pre_index(self) -> pd.Index:
        """Periods of the pre-period, as those of outcomes."""
        return pd.Index(self.pre)

    @property
    def counts(self) -> dict[str, int]:
        """Units of each arm; of a switchback, units times blocks."""
        held = [arm for unit in self.units for arm in self._arms(unit)]
        return {arm: held.count(arm) for arm in self.arms}

    @property
    def codes(self) -> NDArray[np.int64]:
        """Code of each unit's arm [unit]; of a switchback [unit * block], the blocks of a unit together."""
        return np.array([self.arms.index(arm) for unit in self.units for arm in self._arms(unit)], dtype=np.int64)

    @property
    def randomisation(self) -> Randomisation:
        """What the arms were drawn from, for a permutation test; units as in `codes`."""
        shares = np.array(list(self.config.design.arms.values()))
        shares = shares / shares.sum()
        if self.blocks:
            several = len(self._arms(self.units[0]))
            return Randomisation(shares, np.tile(np.arange(several), len(self.units)))
        groups = np.unique([str(self.members[unit].group) for unit in self.units], return_inverse=True)[1]
        if not self.covariates:
            return Randomisation(shares, groups)
        values = np.array([self.members[unit].balance for unit in self.units])
        return Randomisation(shares, groups, values, self.config.design.accept)

    def _arms(self, unit: str) -> tuple[str, ...]:
        arm = self.members[unit].arm
        return (arm,) if isinstance(arm, str) else arm

    @property
    def hash(self) -> str:
        """Hash of all of it."""
        return _hash(_tree(self))


def history_of(outcomes: Outcomes, columns: tuple[str, ...]) -> History:
    """Facts of a history, and a hash of the values of some of its columns."""
    digest = hashlib.sha256("\n".join([*outcomes.units, *map(str, outcomes.periods), *columns]).encode())
    for name in columns:
        digest.update(np.ascontiguousarray(outcomes.values[name]).tobytes())  # noqa: PD011 - no frame
    first, last = (period_of(outcomes.periods[k]) for k in (0, -1))
    return History(len(outcomes.units), len(outcomes.periods), first, last, digest.hexdigest()[:16])


def period_of(label: Any) -> Period:  # noqa: ANN401 - what an index holds
    """Period as plans hold it: a date and time, or a whole number."""
    return label.to_pydatetime() if isinstance(label, pd.Timestamp) else int(label)


def write_plan(plan: Plan, path: Path, *, force: bool = False) -> bool:
    """Write a plan as YAML, whole or not at all; the same plan gives the same bytes. False where it was there already.

    Raises InputError where another plan, or another file, is there and `force` is not set.
    """
    from ..store import write_text

    text = text_of_plan(plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and not force:
        if path.read_text(encoding="utf-8") == text:
            return False
        fix = "an experiment is not redrawn once it runs: give another --out, or --force"
        raise InputError([Fault("plan-exists", "the file exists with other content", str(path), fix)])
    write_text(path, text)
    return True


def text_of_plan(plan: Plan) -> str:
    """Give the text of a plan's file: a line a unit."""
    tree = {"format": FORMAT, "hash": plan.hash, **_tree(plan)}
    tree["members"] = {unit: _Line(own) for unit, own in tree["members"].items()}
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


class _Line(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """A safe dumper that knows it."""


_Dumper.add_representer(
    _Line, lambda dumper, line: dumper.represent_mapping("tag:yaml.org,2002:map", line, flow_style=True)
)


def read_plan(path: Path) -> Plan:
    """Read a plan, and verify that nobody has edited it.

    Raises InputError where it is no plan, of another version, or does not agree with its hash.
    """
    from pydantic import TypeAdapter, ValidationError

    tree = read_yaml(path, "plan")
    if tree.pop("format", None) != FORMAT or "hash" not in tree:
        raise InputError([Fault("no-plan", "this is no plan of this version", str(path),
                                "give a file that forecast-eval design has written")])  # fmt: skip
    said = tree.pop("hash")
    if _hash(tree) != said:
        what = f"the plan was edited: its content does not agree with hash={said}"
        fix = "restore it; change an experiment in its config, and design it again"
        raise InputError([Fault("edited-plan", what, str(path), fix)])
    try:
        return TypeAdapter(Plan).validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError([Fault("no-plan", what, str(path), "design it again with this version")]) from error


def with_findings(
    plan: Plan, detectable: tuple[Detectable, ...], aa: tuple[AACheck, ...], notes: tuple[str, ...]
) -> Plan:
    """Give the plan what was found out about it."""
    return replace(plan, detectable=detectable, aa=aa, notes=(*plan.notes, *notes))


def _tree(plan: Plan) -> dict[str, Any]:
    """Plan as mappings, lists, texts and numbers."""
    from pydantic import TypeAdapter

    tree: dict[str, Any] = TypeAdapter(Plan).dump_python(plan, mode="json")
    return tree


def _hash(tree: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]
