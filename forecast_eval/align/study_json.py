"""An alignment study as what JSON can hold."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .calibration_words import drift_words, held_words, usual_words
from .drift import drift_of
from .study_words import headlines, notes_of, online_names

if TYPE_CHECKING:
    from .calibration import Calibration
    from .study import Alignment, Study


def as_json(study: Study) -> dict[str, Any]:
    """Give numbers, texts, lists and mappings, with None for what is not known.

    Launches are given by name where they are part of something else; `launches` has them once, with date and decision.
    """
    return {
        "confidence": study.confidence,
        "online": list(online_names(study)),
        "verdict": {online: list(headlines(study, online)) for online in online_names(study)},
        "launches": [
            {"name": own.name, "date": own.date.isoformat(), "decision": own.decision, "groups": dict(own.groups)}
            for own in study.launches
        ],
        "alignments": [_alignment(own) for own in study.alignments],
        "rankings": [_plain(own) for own in study.rankings],
        "composites": [_plain(own) for own in study.composites],
        "calibrations": [_calibration(own) for own in study.calibrations],
        "notes": list(notes_of(study)),
    }


def _alignment(own: Alignment) -> dict[str, Any]:
    plain = {name: _plain(getattr(own, name)) for name in ("offline", "online", "verdict", "tested")}
    numbers = {name: _plain(getattr(own, name)) for name in ("rho", "slope", "reml", "moments", "line")}
    return plain | numbers | {"launches": [launch.name for launch in own.launches], "pairs": _plain(own.pairs)}


def _calibration(own: Calibration) -> dict[str, Any]:
    names = ("offline", "online", "unit", "method", "why", "confidence", "n", "rho", "line", "by", "groups", "coverage")
    found = drift_of(own)
    return {name: _plain(getattr(own, name)) for name in names} | {
        "left_out": [_plain(launch) | {"held": launch.held} for launch in own.left_out],
        "drift": _plain(found), "said": [*usual_words(own), held_words(own), drift_words(found, unit=own.unit)],
    }  # fmt: skip


def _plain(value: object) -> Any:  # noqa: ANN401, PLR0911 - what JSON can hold
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(own) for key, own in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(own) for own in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
