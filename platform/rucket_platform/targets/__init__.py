"""Targets: what the kits judge. Any S3 server will do; one of ours is started if none is named.

```
target       an endpoint with accounts
users_file   the accounts of a server that somebody else runs
stack        a region that `make up` brought up
own_server   a Rucket in a folder of its own, for as long as a run takes
leftovers    what a run made on a server, removed
reach        whether a target answers, and knows its accounts
choice       the command-line options that choose one
```
"""
