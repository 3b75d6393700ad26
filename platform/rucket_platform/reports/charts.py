"""A chart as Plotly draws it: the reader can zoom, and read values off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from markupsafe import escape
from plotly.offline import get_plotlyjs

from rucket_platform.reports.content import Drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket_platform.reports.content import Band, Chart, Series

# Colours that can be told apart with any kind of colour vision, on white and on black (Okabe, Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a")
_INK = "#7d8590"
_GRID = "rgba(125,133,144,0.25)"
_BAND = "rgba(213,94,0,0.14)"
# More bars with names than that lie, so that the names can be read on a telephone.
_NAMES_BELOW_MAX = 6
_BAR_HEIGHT_PX = 22
_MARGINS_PX = 90
_DECADES_WITH_DIGITS_MAX = 3


def script() -> str:
    """Plotly itself, so that a page needs nothing from elsewhere."""
    source: str = get_plotlyjs()
    return source


def drawn(chart: Chart) -> str:
    """The HTML of a chart; needs `script` on the same page, once, before it."""
    names = _names(chart)
    lies = len(names) > _NAMES_BELOW_MAX
    figure = go.Figure(
        [_trace(series, position, lies=lies) for position, series in enumerate(chart.series)]
    )
    for band in chart.bands:
        _add_band(figure, band)
    axis = {"gridcolor": _GRID, "zeroline": False, "automargin": True}
    figure.update_layout(
        height=max(chart.height_px, _BAR_HEIGHT_PX * len(names) + _MARGINS_PX if lies else 0),
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _INK, "family": "system-ui, sans-serif"},
        hovermode="x unified",
        barmode="group",
        legend={"orientation": "h", "y": -0.25, "yref": "paper", "x": 0},
        showlegend=len(chart.series) > 1,
        xaxis={
            **axis,
            "title": {"text": chart.x_title},
            **_scale([x for series in chart.series for x in series.x], chart.is_x_logarithmic),
        },
        yaxis={
            **axis,
            "title": {"text": chart.y_title},
            "rangemode": "normal" if chart.is_y_logarithmic else "tozero",
            **_scale([y for series in chart.series for y in series.y], chart.is_y_logarithmic),
        },
    )
    if lies:
        figure.update_layout(
            xaxis={"title": {"text": chart.y_title}, "type": "linear", "rangemode": "tozero"},
            yaxis={"title": {"text": chart.x_title}, "type": "category", "autorange": "reversed"},
        )
    html: str = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"responsive": True, "displayModeBar": False},
    )
    return html


def _scale(
    values: Sequence[float | str | None],
    is_logarithmic: bool,  # noqa: FBT001 -- what it is about
) -> dict[str, object]:
    """A logarithmic axis has values that can be read off, however short it is: 1, 2 and 5, or
    powers of ten alone if those are enough.
    """
    known = [value for value in values if isinstance(value, int | float) and value > 0]
    if not is_logarithmic or not known:
        return {}
    decades = range(math.floor(math.log10(min(known))), math.ceil(math.log10(max(known))) + 1)
    digits = (1,) if len(decades) > _DECADES_WITH_DIGITS_MAX else (1, 2, 5)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _names(chart: Chart) -> list[str]:
    """What bars stand for, where it isn't numbers."""
    return [
        x
        for series in chart.series[:1]
        for x in series.x
        if series.drawing is Drawing.BARS and isinstance(x, str)
    ]


def _trace(series: Series, position: int, *, lies: bool) -> go.Bar | go.Scatter:
    colour = _COLOURS[position % len(_COLOURS)]
    x, y = list(series.x), list(series.y)
    if series.drawing is Drawing.BARS:
        if lies:
            return go.Bar(name=series.name, x=y, y=x, orientation="h", marker={"color": colour})
        return go.Bar(name=series.name, x=x, y=y, marker={"color": colour})
    line = {"color": colour, "width": 2}
    if series.drawing is Drawing.STEPS:
        line["shape"] = "hv"
    mode = "markers" if series.drawing is Drawing.POINTS else "lines"
    return go.Scatter(
        name=series.name, x=x, y=y, mode=mode, line=line, marker={"color": colour, "size": 6}
    )


def _add_band(figure: go.Figure, band: Band) -> None:
    if band.start == band.end:
        figure.add_vline(x=band.start, line={"color": _COLOURS[1], "dash": "dot"})
    else:
        figure.add_vrect(x0=band.start, x1=band.end, fillcolor=_BAND, line={"width": 0})
    figure.add_annotation(
        text=str(escape(band.name)),
        x=band.start,
        y=1,
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": 11},
    )
