"""Single environments stepped in processes of their own, so that one that crashes or hangs takes nothing with it.

`vector_env` is what the rest of rlkit sees, `worker` one process as its parent sees it and the messages that they
exchange, `child` what runs in the process.
"""
