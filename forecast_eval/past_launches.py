"""Launches at earlier weeks of one market: what a retailer would know of how its backtests came true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest import Fault, InputError
from backtest.faults import refuse

from .config import load_config
from .pipeline import advance, open_session, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .pipeline import Progress, Session


def launches_at(
    target: Path,
    weeks: Sequence[int],
    overrides: Sequence[str] = (),
    *,
    root: Path,
    progress: Progress = silent,
) -> Iterator[Session]:
    """Run a config once a launch, each as of the end of the given week, and give the sessions one by one.

    The market is the same in all of them: it is drawn for the config's `data.world.weeks` and those ahead together,
    wherever its history ends. A launch is judged offline by what was recorded before it, and undone after its test.

    weeks : weeks of history that each launch has.

    Raises InputError for a config without a market, for weeks that leave no room for the test, and as `pipeline.run`.
    """
    config = load_config(target, overrides)
    if config.data.world is None or config.online is None:
        raise InputError([Fault("no-candidates", "only a config with data.world and online can launch", str(target),
                                "add both, as configs/story.yaml has them")])  # fmt: skip
    from .read import spec_of

    total = spec_of(config.data.world).weeks + config.data.world.ahead
    latest = total - config.online.weeks - config.backtest.horizon
    refuse([
        Fault("no-weeks", f"week={week} leaves {max(0, total - week)} of the market's {total} weeks, and the test and "
              f"its last forecast need {total - latest}", "--week", f"give {latest} or less, or raise data.world.ahead")
        for week in weeks if week > latest
    ])  # fmt: skip
    for week in weeks:
        moved = [f"data.world.weeks={week}", f"data.world.ahead={max(0, total - week)}"]
        session = open_session(target, [*overrides, *moved], root=root, upto="launch", progress=progress)
        advance(session, "launch")
        yield session
