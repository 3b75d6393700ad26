"""Load on an S3 server: how fast it is beside others (`bench`), and how it holds up (the rest).

```
client       S3 requests from greenlets, signed here
contents     bodies that tell which write they are of
users        what users of the store do: Locust users
shapes       how many of them there are, and when; the search for the knee
recording    latencies by operation and second, from all workers
swarm        a run: Locust's master here, workers as processes of their own
samples      the server's own metrics and CPU time meanwhile
thresholds   what a run has to keep, in a file
outcome      what a run came to; the file that is kept
presentation a run, or two beside each other, as a report
```
"""
