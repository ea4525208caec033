"""What holds for all tests."""

from hypothesis import settings

# A first example may have to wait for a kernel to be compiled, and machines are shared: no test is judged by its time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
