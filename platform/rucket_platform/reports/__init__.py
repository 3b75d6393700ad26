"""Reports that a person likes to read and a pipeline can gate on.

```
content   what a report says: values, no markup
charts    a chart as a Plotly figure; the only module that knows Plotly
page      one self-contained HTML file; the only module that knows Jinja
junit     the same verdicts as JUnit XML
folder    a report's files, in place all at once or not at all
```
"""
