"""A comparison as JSON can hold it."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..inference import Interval
    from .compare import Comparison, Contrast
    from .effect import Effect
    from .explain import Clue
    from .overlap import Overlap


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Give numbers, texts, lists and mappings, with None for what is not known; lifts are shares."""
    shared = comparison.overlap
    return {
        "experiment": comparison.name,
        "run": comparison.run,
        "models": comparison.models,
        "confidence": comparison.confidence,
        "refused": comparison.is_refused,
        "units": {"counts": list(comparison.ratio.counts), "p_value": _number(comparison.ratio.p_value)},
        "overlap": None if shared is None else _overlap(shared),
        "metrics": [_contrast(own) for own in comparison.contrasts],
        "segments": [_contrast(own) for own in comparison.by_segment],
        "foretold": [asdict(own) | {"held": own.held} for own in comparison.foretold],
        "explanations": [_clue(own) for own in comparison.clues],
        "unknown": list(comparison.unknown),
        "notes": list(comparison.notes),
    }


def _overlap(shared: Overlap) -> dict[str, Any]:
    return {
        "units": list(shared.units),
        "only_simulated": list(shared.only_simulated),
        "only_measured": list(shared.only_measured),
        "same_weeks": shared.same_weeks,
        "simulated": [*shared.simulated_span, int(shared.simulated.sum())],
        "measured": [*shared.measured_span, int(shared.measured.sum())],
    }


def _contrast(contrast: Contrast) -> dict[str, Any]:
    return {
        "metric": contrast.metric.name,
        "role": contrast.metric.role,
        "arm": contrast.arm,
        "model": contrast.model,
        "segment": None if contrast.segment is None else list(contrast.segment),
        "simulated": effect_tree(contrast.simulated),
        "measured": effect_tree(contrast.measured),
        "difference": interval_tree(contrast.difference),
        "agrees": contrast.agrees,
    }


def effect_tree(effect: Effect) -> dict[str, Any]:
    """Effect as JSON can hold it."""
    return {
        "control": _number(effect.control),
        "treatment": _number(effect.treatment),
        "difference": interval_tree(effect.difference),
        "lift": interval_tree(effect.lift),
        "p_value": _number(effect.p_value),
        "adjust": effect.method.adjust,
        "inference": effect.method.inference,
    }


def interval_tree(interval: Interval) -> dict[str, float | None]:
    """Interval as JSON can hold it."""
    return {name: _number(getattr(interval, name)) for name in ("estimate", "low", "high", "error")}


def _clue(clue: Clue) -> dict[str, Any]:
    return {
        "name": clue.name,
        "arm": clue.side,
        "simulated": _number(clue.simulated),
        "measured": _number(clue.measured),
        "change": _number(clue.change),
        "words": clue.words,
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
