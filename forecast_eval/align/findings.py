"""What a study found of each offline metric, in a line for the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .study import Alignment, Study

HEAD = """\
# What past launches showed of each metric; written by `forecast-eval align --record`, and written over by the next one.
# List this file in score.catalogue of a config, behind those that define metrics of your own.
"""
WORDS = {"trusted": "trusted for", "misleads": "misleads for", "insufficient evidence": "insufficient evidence for"}


def findings_of(study: Study) -> dict[str, str]:
    """Give a line for each offline metric.

    As "trusted for: revenue (0.78, 0.41 to 0.95); insufficient evidence for: waste (0.31, -0.42 to 0.83); correlations
    with 14 launches of 2025-03-02 to 2026-08-31".
    """
    names = dict.fromkeys(own.offline for own in study.alignments)
    return {name: _line(list(own)) for name in names if (own := _of(study, name))}


def _of(study: Study, offline: str) -> list[Alignment]:
    return [own for own in study.alignments if own.offline == offline]


def _line(found: Sequence[Alignment]) -> str:
    said = "; ".join(_parts(found))
    tested = max(found, key=lambda own: own.tested)
    dates = [launch.date for launch, known in zip(tested.launches, tested.pairs.tested, strict=True) if known]
    return f"{said}; correlations with {tested.tested} launches of {min(dates)} to {max(dates)}"


def _parts(found: Sequence[Alignment]) -> Iterator[str]:
    for verdict, words in WORDS.items():
        named = [_of_one(own) for own in found if own.verdict == verdict]
        if named:
            yield f"{words}: {', '.join(named)}"


def _of_one(own: Alignment) -> str:
    return f"{own.online} ({own.rho.value:z.2f}, {own.rho.low:z.2f} to {own.rho.high:z.2f})"


def as_catalogue(findings: Mapping[str, str]) -> str:
    """YAML of a catalogue that says nothing but the findings."""
    tree = {name: {"findings": line} for name, line in findings.items()}
    return HEAD + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100)
