"""Cases as JUnit XML."""

from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from rucket_platform.reports.content import Case, Outcome
from rucket_platform.reports.junit import junit_xml


def test_suites_count_what_became_of_their_cases() -> None:
    """A pipeline reads totals from the suite's element."""
    cases = [
        Case("put", "small", Outcome.PASSED, 0.5),
        Case("put", "large", Outcome.FAILED, 1.25, "slow", "p99 was 3 s"),
        Case("get", "small", Outcome.SKIPPED, 0, "no peer"),
        Case("put", "huge", Outcome.ERROR, 0.25, "no answer"),
    ]
    put, get = ElementTree.fromstring(junit_xml(cases))
    assert {name: put.get(name) for name in ("name", "tests", "failures", "errors", "time")} == {
        "name": "put",
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "time": "2.000",
    }
    assert get.get("skipped") == "1"
    failure = put.find("testcase[@name='large']/failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("slow", "p99 was 3 s")
    assert len(put.findall("testcase")[0]) == 0


@given(st.text(), st.text(), st.text())
def test_any_text_makes_well_formed_xml(name: str, message: str, detail: str) -> None:
    """What a server answers may hold characters that XML can't."""
    document = junit_xml([Case(name, name, Outcome.FAILED, 1, message, detail)])
    assert ElementTree.fromstring(document).find("testsuite/testcase/failure") is not None
