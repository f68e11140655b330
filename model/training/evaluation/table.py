"""Figures, and the Markdown table that holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PERCENT, DECIBELS, LEVELS, PLAIN = "{:.1%}", "{:.2f} dB", "{:.2f}", "{:.3f}"
MISSING = "-"


@dataclass(frozen=True)
class Figure:
    """One measured value of one set of weights."""

    measure: str
    value: float | None = None
    #: What real renderings, or bicubic, score in the same measure.
    reference: float | None = None
    num_pictures: int = 0
    #: How values are written.
    format: str = PERCENT

    def cells(self) -> list[str]:
        """Value, reference and number of pictures as they stand in the table."""
        values = (self.value, self.reference)
        written = [MISSING if value is None else self.format.format(value) for value in values]
        return [*written, str(self.num_pictures) if self.num_pictures else MISSING]


def write_table(figures: Mapping[str, Sequence[Figure]]) -> str:
    """A row for each measure, in order of appearance, and three columns for each set of weights by name."""
    found = {name: {figure.measure: figure for figure in column} for name, column in figures.items()}
    measures = list(dict.fromkeys(figure.measure for column in figures.values() for figure in column))
    titles = [title for name in found for title in (name, "reference", "pictures")]
    rows = [
        [measure, *(cell for column in found.values() for cell in column.get(measure, Figure("")).cells())]
        for measure in measures
    ]
    rule = ["---", *("--:" for _ in titles)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (["measure", *titles], rule, *rows))
