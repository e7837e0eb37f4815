"""The launch book that a run's simulated uplift is calibrated on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .section import Level, Section

Word = Annotated[str, Field(min_length=1)]


class Calibration(Section):
    """Past launches from which a run learns what its simulated uplift is worth online.

    book : launch book: an SQLite file, relative to the config, or the URL of a PostgreSQL database without a password,
        which belongs in PGPASSWORD; ${NAME} is taken from the environment. None takes what FORECAST_EVAL_BOOK says,
        else launches.db.
    offline : metric of the book's offline side, as this run simulates it. online : metric that it is turned into.
    by : group of the launches, as region, across whose values the line is shrunk.
    group : value of `by` that this run is for; None: one that no launch was of.
    confidence : of the intervals of the calibrated numbers.
    """

    book: Word | None = None
    offline: Word = "profit"
    online: Word = "profit"
    by: Word | None = None
    group: Word | None = None
    confidence: Level = 0.9

    @model_validator(mode="after")
    def _group_of_something(self) -> Calibration:
        if self.group is not None and self.by is None:
            raise ValueError(f"group {self.group!r} of what? give by as well, as by: region")
        return self
