"""What `forecast-eval metrics` prints: the catalogue, one definition, YAML to copy, and what changed between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from backtest.faults import Fault, InputError, refuse

from ..scores.catalogue import Catalogue, catalogue, installed
from ..scores.entry import tree_of
from .console import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

    from ..scores import Metric
    from ..scores.definitions import Change

TITLES = {
    "forecasts": "Of forecasts and sales (score.metrics)",
    "simulator": "Of the simulator, for every model and policy",
    "online": "Of what happened online",
}
BETTER = {"lower": "lower", "higher": "higher", "zero": "near 0", "none": "-"}
YAML_HEAD = """\
# Definitions of metrics. To add one, copy an entry, give it a name of its own, and list the file in score.catalogue.
# Of the metrics below only owner, question, limitations, refresh and findings may be said anew: one name has one
# definition.
"""


def known_metrics(files: Sequence[Path], config: Path | None) -> Catalogue:
    """Every metric of the package, of a team's files, and of a config: its catalogues and what it defines in place."""
    if config is None:
        return catalogue(files)
    from ..config import load_config

    score, base = load_config(config).score, config.parent
    known = catalogue([*(base / path for path in score.catalogue), *files], folder=base)
    own = known.named(score.metrics)
    return Catalogue({**known.metrics, **{m.name: m for m in own}}, base)


def listed(known: Catalogue) -> Iterator[Table | str]:
    """Tables of all metrics, by what they are made of, and a line on what else is installed."""
    for source, title in TITLES.items():
        metrics = [metric for metric in known.metrics.values() if metric.source == source]
        if metrics:
            yield title
            yield _overview(metrics)
    others = [f"{name} ({value})" for name, value in installed().items() if name not in known.metrics]
    if others:
        yield f"Of other packages, by entry point: {', '.join(others)}"
    yield "forecast-eval metrics NAME shows a whole definition."


def _overview(metrics: Iterable[Metric]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name, width in (("name", None), ("unit", 20), ("better", None), ("what it answers", None)):
        table.add_column(name, no_wrap=name in {"name", "better"}, max_width=width)
    for metric in metrics:
        table.add_row(_written(metric), metric.unit, BETTER[metric.direction], metric.question or metric.formula)
    return table


def _written(metric: Metric) -> str:
    """Name as a config writes it."""
    return {"interval": f"{metric.name}_80", "quantile": f"{metric.name}[_0.9]", "": metric.name}[metric.takes]


def chosen(known: Catalogue, names: Sequence[str]) -> tuple[Metric, ...]:
    """Metrics to show: those of the names, or all; InputError names the nearest for each unknown one."""
    if not names:
        return tuple(known.metrics.values())
    faults: list[Fault] = []
    found = [_chosen(known, name, faults) for name in names]
    refuse(faults)
    return tuple(metric for metric in found if metric is not None)


def _chosen(known: Catalogue, name: str, faults: list[Fault]) -> Metric | None:
    if name in known.metrics:
        return known.metrics[name]  # a family, as coverage, is shown without a level
    try:
        return known.named([name], "metrics")[0]
    except InputError as error:
        faults += error.faults
        return None


def definitions(metrics: Iterable[Metric]) -> Iterator[Table | str]:
    """Whole definitions, an empty line between them."""
    for n, metric in enumerate(metrics):
        yield from ([""] if n else [])
        yield whole(metric)


def whole(metric: Metric) -> Table:
    """All that is said of a metric."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), title=None)
    table.add_column("field", no_wrap=True, style="bold")
    table.add_column("value", overflow="fold")
    for field, value in _said(metric):
        table.add_row(field, Text(value))
    return table


def _said(metric: Metric) -> Iterator[tuple[str, str]]:
    levels = {
        "interval": f"with the share of the central interval in percent, as {metric.name}_80",
        "quantile": f"by itself, or with the level of a quantile, as {metric.name}_0.9",
    }
    yield "metric", metric.name
    if metric.takes:
        yield "written", levels[metric.takes]
    yield "question", metric.question or "not said"
    yield "formula", metric.formula
    yield "unit", metric.unit or "none"
    yield "better", {**BETTER, "none": "no value by itself"}[metric.direction]
    if metric.source == "forecasts":
        yield "elicits", metric.functional or "no functional of demand"
    yield "limitations", metric.limitations or "not said"
    if metric.findings:
        yield "findings", metric.findings
    if metric.differs:
        yield "differs", metric.differs
    yield "inputs", ", ".join(metric.inputs) or "forecasts and sales only" if metric.measure else _inputs(metric)
    yield "source", metric.source
    yield "refresh", metric.refresh or "not said"
    yield "owner", metric.owner or "nobody is named"
    yield "reference", metric.reference or "none"
    yield from _computed(metric.words())
    yield "version", metric.version


def _inputs(metric: Metric) -> str:
    return ", ".join(metric.inputs) or "no more than every play needs"


def _computed(words: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if words["measure"]:
        yield "computed as", ", ".join(_flat({k: v for k, v in words["measure"].items() if k != "code"}))
        code = words["measure"].get("code")
        if code:
            yield "code", f"{code['object']}, params {code['params']}, source {code['source']}"
    if words["values"]:
        yield "gives", f"{', '.join(words['values'])} on the fixed table"


def _flat(measure: Mapping[str, Any]) -> Iterator[str]:
    for key, value in measure.items():
        if isinstance(value, dict):
            yield from _flat(value)
        elif value not in (None, (), []):
            yield f"{key} {value}"


def as_yaml(metrics: Iterable[Metric]) -> str:
    """Entries as a team can copy and extend them."""
    trees = {metric.name: tree_of(metric) for metric in metrics}
    return YAML_HEAD + yaml.safe_dump(trees, sort_keys=False, allow_unicode=True, width=WIDTH)


def compared(words: Sequence[str]) -> Iterator[str]:
    """Lines on what changed between the definitions of two runs; `words` are the two directories."""
    from pathlib import Path

    from ..scores.definitions import changes, definitions_in

    if len(words) != 2:
        raise InputError([Fault("bad-value", f"{len(words)} runs are named, and two are compared", "metrics diff",
                                "write forecast-eval metrics diff RUN_A RUN_B")])  # fmt: skip
    faults: list[Fault] = []
    runs = []
    for word in words:
        try:
            runs.append(definitions_in(Path(word)))
        except InputError as error:
            faults += error.faults
    refuse(faults)
    found = changes(*runs)
    yield from (line for change in found for line in _lines(change))
    same = len({*runs[0]} & {*runs[1]}) - sum(change.how in {"changed", "reworded"} for change in found)
    counts = {
        how: sum(change.how == how for change in found) for how in ("changed", "reworded", "appeared", "vanished")
    }
    yield ", ".join(f"{count} {how}" for how, count in counts.items()) + f", {same} the same"


def _lines(change: Change) -> Iterator[str]:
    yield f"{change.name}: {change.how}; {change.note}"
    for field, (old, new) in change.fields.items():
        yield f"  {field}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:  # noqa: ANN401 - of JSON
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "nothing" if value in (None, "") else str(value)
