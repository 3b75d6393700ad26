"""An HTTP/1.1 server for one application, made for large bodies and for many small answers.

::

    socket ── connection ── request_head ──> scope ──> application
                  │  ▲                                   │     ▲
                  │  └── response_head <── send ─────────┘     │
                  └── request_body ──────────────── receive ───┘
    server: listens, counts connections, looks every `LOOK_INTERVAL_S` for those whose time is up

Everything happens on the event loop's thread, so a request costs no switch between threads; bodies
are read by the kernel straight into the buffers that the application gets.
"""
