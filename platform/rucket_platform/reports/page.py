"""A report as one HTML file that needs nothing else: no network, no neighbours.

It fits a telephone and a desk, in light and dark. Every text is escaped: names of tests, objects
and errors come from whatever was judged.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from rucket_platform.reports import charts
from rucket_platform.reports.content import Chart

if TYPE_CHECKING:
    from jinja2 import Template

    from rucket_platform.reports.content import Cell, Report, Table

_LARGE = 1000
_SMALL = 0.01


def html(report: Report) -> str:
    """The page."""
    found = [block for section in report.sections for block in section.blocks]
    # Markup marks what is HTML already: ours, or Plotly's, which escapes what it is given.
    drawn = {block: Markup(charts.drawn(block)) for block in found if isinstance(block, Chart)}
    return _template().render(
        report=report,
        charts=drawn,
        script=Markup(charts.script()) if drawn else "",
        style=Markup(_text("page.css")),
    )


def shown(value: Cell) -> str:
    """A value as people read it: four digits that matter, thousands apart."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value == 0 or abs(value) >= _LARGE:
            return f"{value:,.0f}"
        return f"{value:.2g}" if abs(value) < _SMALL else f"{value:.4g}"
    return value


def is_numeric(table: Table, column: int) -> bool:
    """Whether a column has numbers, and nothing but numbers: its name stands over their ends."""
    values = [row[column] for row in table.rows if row[column] is not None]
    return bool(values) and not any(isinstance(value, str) for value in values)


def _text(name: str) -> str:
    return (files("rucket_platform.reports") / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = shown
    environment.filters["is_numeric"] = is_numeric
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.from_string(_text("page.html.j2"))
