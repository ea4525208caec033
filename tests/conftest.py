"""What holds for all tests."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import settings

# Tests run side by side, one process per core: numerical libraries that take all cores in each would stand in each
# other's way. Set before any of them is imported; processes that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A first example may have to wait for a kernel to be compiled, and machines are shared: no test is judged by its time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def together():
    """Calls a function as each of several learners, in threads that are connected by gloo: `together(2, function)`.

    The function takes a `LearnerGroup` and arguments; what it returns is returned by rank.
    """
    from torch.distributed import HashStore, ProcessGroupGloo

    from rlkit.nn.distributed import LearnerGroup

    def run(count, function, *arguments):
        store = HashStore()

        def learn(rank):
            connection = ProcessGroupGloo(store, rank, count, timedelta(seconds=60))
            return function(LearnerGroup(rank, count, connection), *arguments)

        with ThreadPoolExecutor(count) as threads:
            return [future.result() for future in [threads.submit(learn, rank) for rank in range(count)]]

    return run
