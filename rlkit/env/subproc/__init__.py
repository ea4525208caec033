"""Single environments in worker processes: `vector_env` the vector, `worker` one process, `child` the code in it."""
