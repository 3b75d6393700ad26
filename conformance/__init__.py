"""How much of S3 a server speaks, by Ceph's s3-tests, which are run from a checkout as they are.

```
selection       which tests count: D1, D0, D2, all; from lists/classification.csv
suite           a checkout of s3-tests at the pinned commit, and its locked environment
configuration   s3tests.conf for a set of accounts
recorder        a pytest plugin inside the suite: a set of accounts per worker, results as they come
execution       the suite's pytest as a child process, watched
results         what became of each test, and why; the file that is kept
expectations    known failures with their causes; the gate
comparison      two runs beside each other
features        which part of S3 a test is about
presentation    a run as a report
compatibility   docs/s3-compatibility.md
```
"""
