"""What can go wrong around a server, done on purpose and undone.

```
toxiproxy   the network between clients and a server
processes   a server's processes: killed, stopped, one by one or all
disks       a small disk that fills
```
"""
