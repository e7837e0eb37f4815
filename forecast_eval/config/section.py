"""What every part of the config is: its base, and the types of its values."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Level = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Factor = Annotated[float, Field(gt=0, le=1e6)]
Name = Annotated[str, Field(pattern=r"^\w[\w .+-]*$")]
"""A name that can be part of a file's name and of a table."""


class Section(BaseModel):
    """A part of the config: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
