"""Which tests of the suite count.

D1 is what a correct S3 server can pass: what AWS does, and what Ceph does differently and says so.
D0 is its part that AWS passes as well. D2 is D1 with IAM, STS and SNS. Tests that no server can
pass, or that test Ceph alone, are in none of them; `all` has them too.

The classes are in lists/classification.csv (id, cls, sub, needs, reason, markers): a standard,
b Ceph only, c differs from AWS (c3: can't pass anywhere), d standard but needs configuration.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

_STANDARD = frozenset({"a", "d"})
_DIFFERENT = frozenset({"c1", "c2"})
_ACCOUNTS = frozenset({"iam-tenant", "iam-account", "iam-crossacct", "sts-core", "sns"})
_STORAGE_CLASSES = "storage-classes"
_WITHOUT_PARAMETERS = "[NOTSET]"
"""What pytest puts behind a test whose parameters the configuration doesn't give."""


class Selection(StrEnum):
    """A set of tests with a name that results are quoted by."""

    D0 = "D0"
    D1 = "D1"
    D2 = "D2"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ListedTest:
    """A test of the suite.

    Attributes:
        node_id: As pytest names it, without the parameters of tests that have some by
            configuration.
        subclass: See lists/classification.csv.
        needs: What the configuration has to supply.
    """

    node_id: str
    standard_class: str
    subclass: str
    needs: frozenset[str]
    reason: str

    @property
    def needs_storage_classes(self) -> bool:
        """Whether it runs in the pass with further storage classes: with them, other tests would
        run once for each pair of classes.
        """
        return _STORAGE_CLASSES in self.needs

    @property
    def needs_quiet_accounts(self) -> bool:
        """Whether it disturbs, or is disturbed by, others that use the same accounts."""
        file = self.node_id.partition("::")[0]
        return not file.endswith(("test_s3.py", "test_headers.py", "test_s3select.py")) or (
            self.node_id.endswith("test_list_buckets_paginated")
        )

    def is_in(self, selection: Selection) -> bool:
        """Whether it counts."""
        if selection is Selection.ALL:
            return True
        if self.standard_class in _STANDARD:
            return True
        if selection is Selection.D0:
            return False
        if self.subclass in _DIFFERENT:
            return True
        return selection is Selection.D2 and self.subclass in _ACCOUNTS


@cache
def listed_tests() -> tuple[ListedTest, ...]:
    """All tests of the suite, in its order."""
    text = (files("conformance") / "lists" / "classification.csv").read_text(encoding="utf-8")
    return tuple(
        ListedTest(
            row["id"].removesuffix(_WITHOUT_PARAMETERS),
            row["cls"],
            row["sub"],
            frozenset(row["needs"].split()),
            row["reason"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def selected_tests(selection: Selection) -> tuple[ListedTest, ...]:
    """Those that count."""
    return tuple(test for test in listed_tests() if test.is_in(selection))
