"""Encryption at rest (SSE-S3): what leaves the gateway for log, index and devices is ciphertext.

::

    master key ──HKDF-SHA256, object id──> key encryption key ──AES-256-GCM──> wrapped data key
    data key ──HKDF-SHA256, object id, stream id──> stream key
    stream key ──AES-256-GCM, nonce = chunk index──> chunk 0 │ chunk 1 │ … │ last chunk
                 AAD = object id, stream id, chunk index, is it the last

A data key is drawn for every object that is written, and a stream id for every upload of a part: no
stream key ever sees two bodies, and no nonce comes twice under a key. Chunks can't be swapped,
dropped, doubled or taken from another object or part: the AAD says where each belongs. A new master
key takes new wrappings (`rucket.service.key_rotation`), not new ciphertext.

Sources: NIST SP 800-38D (GCM), RFC 5869 (HKDF); Hoang, Reyhanitabar, Rogaway, Vizár, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (STREAM: counter and last-chunk
flag).
"""
