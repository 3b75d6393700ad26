"""The page of a report."""

from defusedxml import ElementTree

from rucket_platform.reports.content import (
    Band,
    Chart,
    Drawing,
    Facts,
    Log,
    Report,
    Section,
    Series,
    Table,
    Text,
    Verdict,
)
from rucket_platform.reports.page import html, shown

HOSTILE = "<script>alert('x')</script>"


def report(*sections: Section) -> Report:
    return Report(
        "A run",
        Verdict(passed=False, sentence="2 of 3 hold"),
        Facts((("target", "here"),)),
        sections,
    )


def test_whatever_the_judged_server_said_is_text_and_never_markup() -> None:
    """Names, cells, logs and the names of series are escaped."""
    chart = Chart(HOSTILE, "s", "ms", (Series(HOSTILE, (1.0,), (2.0,)),), (Band(HOSTILE, 0, 1),))
    page = html(
        report(
            Section(
                HOSTILE,
                (
                    Text(HOSTILE),
                    Facts(((HOSTILE, HOSTILE),)),
                    Table(HOSTILE, (HOSTILE,), ((HOSTILE,),)),
                    Log(HOSTILE, HOSTILE),
                    chart,
                ),
            )
        )
    )
    assert HOSTILE not in page


def test_a_page_asks_nothing_of_the_network() -> None:
    """No element names a source or style elsewhere."""
    page = html(report(Section("Latency", (Chart("p99", "s", "ms", (Series("a", (1,), (2,)),)),))))
    assert "<script src" not in page
    assert "<link" not in page


def test_a_page_without_charts_is_small_and_well_formed() -> None:
    """Plotly comes only where something is drawn."""
    table = Table("Operations", ("name", "count"), (("PUT", 12345), ("GET", None)), frozenset({1}))
    page = html(report(Section("What", (table, Text("a & b")))))
    assert len(page) < 10_000
    body = page[page.index("<main>") : page.index("</main>") + len("</main>")]
    rows = ElementTree.fromstring(body).findall(".//tbody/tr")
    assert [cell.text for cell in rows[0]] == ["PUT", "12,345"]
    assert [cell.text for cell in rows[1]] == ["GET", "\N{EN DASH}"]
    assert [row.get("class") for row in rows] == [None, "failed"]


def test_every_kind_of_drawing_is_drawn() -> None:
    """Each series of a chart is in the page's data, with its name and values."""
    series = tuple(
        Series(f"as {drawing}", (1.0, 2.0), (3.25, None), drawing) for drawing in Drawing
    )
    page = html(report(Section("s", (Chart("c", "x", "y", series, (Band("cut", 1, 1),)),))))
    for drawing in Drawing:
        assert f'"as {drawing}"' in page


def test_numbers_are_shown_with_the_digits_that_matter() -> None:
    """Large ones in groups of three, small ones with two digits."""
    values = (None, True, 1234567, 1234.5, 12.3456, 0.001234, 0.0, "as it is")
    assert [shown(value) for value in values] == [
        "\N{EN DASH}",
        "yes",
        "1,234,567",
        "1,234",
        "12.35",
        "0.0012",
        "0",
        "as it is",
    ]
