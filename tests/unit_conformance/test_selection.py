"""Which tests of the suite count."""

import pytest

from conformance.selection import Selection, listed_tests, selected_tests


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection.D0, 668),
        (Selection.D1, 740),
        (Selection.D2, 844),
        (Selection.ALL, 1049),
    ],
)
def test_each_selection_has_the_count_that_scores_are_quoted_against(
    selection: Selection, count: int
) -> None:
    """A score is only comparable if its denominator never moves."""
    names = [test.node_id for test in selected_tests(selection)]
    assert len(set(names)) == len(names) == count


def test_selections_lie_in_one_another() -> None:
    """D0 in D1 in D2 in all."""
    sets = [{test.node_id for test in selected_tests(selection)} for selection in Selection]
    assert sets[0] < sets[1] < sets[2] < sets[3]


def test_few_tests_need_storage_classes_or_accounts_of_their_own() -> None:
    """The others run side by side under one configuration."""
    tests = selected_tests(Selection.D1)
    assert sum(test.needs_storage_classes for test in tests) == 6
    assert [test.node_id.rpartition("::")[2] for test in tests if test.needs_quiet_accounts] == [
        "test_list_buckets_paginated"
    ]
    assert sum(test.needs_quiet_accounts for test in listed_tests()) > 100
