"""Break a server on purpose, under load, and judge what its clients saw.

```
scenario     what a scenario is made of: values
scenarios    the scenarios
faults       what can be done to a stage, and undone
stage        a server with a proxy before it, and a disk or a clock of its own where one is needed
workload     clients that write, read, delete and list, and note what they did and saw
verdicts     what the notes prove
execution    one scenario, from a fresh server to a verdict
presentation scenarios as a report
```

Black-box: nothing here knows how the server works, but for the roles of Rucket's processes.
"""
