"""The report of a run."""

import json

from chaos.execution import Judged
from chaos.faults import Unreachable
from chaos.presentation import report_files
from chaos.scenario import Planned, Scenario
from chaos.verdicts import judge
from chaos.workload import Notes
from rucket_platform.histories.history import Answer, Kind


def test_a_broken_promise_is_shown_with_what_clients_did_and_saw() -> None:
    """In the page and in both files, so that its cause can be looked for; what wasn't run says
    why.
    """
    notes = Notes()
    written = notes.history.start("writer", "k/00", Kind.WRITE, "w/1", 1)
    written.ended_s, written.answer = 2, Answer.DONE
    notes.history.read("reader", "k/00", (None,), 3, 4)
    notes.history.start("writer", "k/00", Kind.WRITE, "w/later", 9)
    scenario = Scenario("one", "", (Planned(Unreachable(), 5, 5),))
    judged = Judged(scenario, 1, judge(scenario, notes, 10))
    files = report_files("it", "now", 1, [judged, Judged(scenario, 1, skipped="needs a moon")])
    content = json.loads(files["results.json"])
    (broken,) = (
        verdict
        for verdict in content["scenarios"][0]["verdicts"]
        if verdict["promise"] == "linearizability"
    )
    assert broken["evidence"] == [
        "1.000000..2.000000 writer write k/00 w/1: done",
        "3.000000..4.000000 reader read k/00 None: done <-- nothing explains this",
    ]
    for name in ("index.html", "junit.xml"):
        text = str(files[name])
        assert "nothing explains this" in text
        assert "needs a moon" in text
