"""Cases as JUnit XML, the form that pipelines read (the schema of Jenkins' xunit plugin)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from rucket_platform.reports.content import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rucket_platform.reports.content import Case

# XML 1.0 has no way to write these, and what a server answers may hold any of them.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.ERROR: "error",
    Outcome.SKIPPED: "skipped",
}


def junit_xml(cases: Iterable[Case]) -> bytes:
    """The document: one suite for each name of a suite, in the order they first appear."""
    suites: dict[str, list[Case]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    root = ET.Element("testsuites")
    for name, members in suites.items():
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_writable(name),
            tests=str(len(members)),
            failures=str(_count(members, Outcome.FAILED)),
            errors=str(_count(members, Outcome.ERROR)),
            skipped=str(_count(members, Outcome.SKIPPED)),
            time=f"{sum(case.duration_s for case in members):.3f}",
        )
        for case in members:
            _add_case(suite, case)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _count(cases: list[Case], outcome: Outcome) -> int:
    return sum(case.outcome is outcome for case in cases)


def _add_case(suite: ET.Element, case: Case) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        classname=_writable(case.suite),
        name=_writable(case.name),
        time=f"{case.duration_s:.3f}",
    )
    if case.outcome in _ELEMENTS:
        detail = ET.SubElement(element, _ELEMENTS[case.outcome], message=_writable(case.message))
        detail.text = _writable(case.detail)


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
