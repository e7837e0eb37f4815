"""One fixed colour and shape a model, the same in every chart and table of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Okabe and Ito (2008), colour-blind safe; black is kept for the incumbent, pale yellow comes last.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
_INCUMBENT_COLOUR = "#000000"
_INCUMBENT_SHAPE = "diamond"
# Five shapes against seven colours: the pair repeats only after 35 models.
_SHAPES = {
    "circle": "M0-6A6 6 0 1 1 0 6A6 6 0 1 1 0-6Z",
    "square": "M-5-5H5V5H-5Z",
    "triangle-up": "M0-6L6 5H-6Z",
    "cross": "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
    "triangle-down": "M0 6L6-5H-6Z",
}
_PATHS = {**_SHAPES, _INCUMBENT_SHAPE: "M0-7L7 0L0 7L-7 0Z"}


@dataclass(frozen=True, slots=True)
class ModelStyle:
    """How one model looks everywhere."""

    name: str
    colour: str
    shape: str
    is_incumbent: bool

    @property
    def path(self) -> str:
        """SVG path of the shape in a box from -8 to 8."""
        return _PATHS[self.shape]


@dataclass(frozen=True, slots=True)
class Palette:
    """Styles of all models in the order of display, best first."""

    styles: tuple[ModelStyle, ...]

    @property
    def names(self) -> list[str]:
        """Model names in the order of display."""
        return [style.name for style in self.styles]

    @property
    def colours(self) -> list[str]:
        """Colours that belong to `names`."""
        return [style.colour for style in self.styles]

    @property
    def shapes(self) -> list[str]:
        """Vega shapes that belong to `names`."""
        return [style.shape for style in self.styles]

    def style(self, name: str) -> ModelStyle:
        """Style of one model."""
        return self.styles[self.names.index(name)]


def make_palette(names: Sequence[str], incumbent: str) -> Palette:
    """Give each of `names` its style.

    Colours follow the sorted names and not the ranking, so that a model keeps its colour from run to run.

    >>> [style.shape for style in make_palette(["b", "old", "a"], "old").styles]
    ['square', 'diamond', 'circle']
    """
    rivals = sorted(set(names) - {incumbent})
    styles = {name: _rival(name, position) for position, name in enumerate(rivals)}
    styles[incumbent] = ModelStyle(incumbent, _INCUMBENT_COLOUR, _INCUMBENT_SHAPE, is_incumbent=True)
    return Palette(tuple(styles[name] for name in dict.fromkeys(names)))


def _rival(name: str, position: int) -> ModelStyle:
    rounds, place = divmod(position, len(_COLOURS))
    shape = list(_SHAPES)[position % len(_SHAPES)]
    return ModelStyle(name, _darken(_COLOURS[place], rounds), shape, is_incumbent=False)


def _darken(colour: str, rounds: int) -> str:
    channels = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel * 0.6**rounds):02X}" for channel in channels)
