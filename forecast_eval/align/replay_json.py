"""A replay as JSON can hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..online.comparison_json import effect_tree, interval_tree

if TYPE_CHECKING:
    from .replayed import ArmReplay, Estimates, Replay


def as_json(replay: Replay) -> dict[str, Any]:
    """Give numbers, texts, lists and mappings, with None for what is not known; lifts are shares."""
    shared = replay.overlap
    return {
        "experiment": replay.name,
        "run": replay.run,
        "models": replay.models,
        "confidence": replay.confidence,
        "units": list(shared.units),
        "weeks": [*shared.measured_span, int(shared.measured.sum())],
        "metrics": [_estimates(own) for own in replay.estimates],
        "arms": [_arm(own) for own in replay.arms],
        "notes": list(replay.notes),
    }


def _estimates(own: Estimates) -> dict[str, Any]:
    named = {"replay": own.replay, "plain": own.plain, "analysis": own.analysis}
    return {
        "metric": own.metric.name,
        "arm": own.arm,
        "model": own.model,
        **{name: effect_tree(effect) for name, effect in named.items()},
        "doubly_robust": None if own.robust is None else effect_tree(own.robust),
    }


def _arm(own: ArmReplay) -> dict[str, Any]:
    return {
        "metric": own.metric.name,
        "arm": own.arm,
        "model": own.model,
        "against": own.against,
        "units": own.units,
        "simulator_bias": interval_tree(own.own),
        "candidate_lift": interval_tree(own.other),
    }
