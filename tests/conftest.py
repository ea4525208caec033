"""What holds for all tests."""

import os

from hypothesis import settings

# Tests run side by side, one process per core: numerical libraries that take all cores in each would stand in each
# other's way. Set before any of them is imported; processes that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A first example may have to wait for a kernel to be compiled, and machines are shared: no test is judged by its time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
