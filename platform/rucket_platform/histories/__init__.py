"""What clients did and saw, and what it proves.

```
history           operations with the moments between which they took effect
linearizability   one key as one object that changes at moments
listing           listings against what must, and what can't, have been there
versions          versions against the writes that made them
availability      how much was answered, and how soon again after a fault
```
"""
