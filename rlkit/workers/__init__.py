"""Single environments stepped in processes of their own, so that one that crashes or hangs takes nothing with it.

`vector` is what the rest of rlkit sees, `process` one process as its parent sees it, `child` what runs in it, and
`protocol` what the two say to each other.
"""
