import pytest

from rlkit.cli import main


def run(*arguments):
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as left:
        return left.code or 0
    return 0


@pytest.fixture(scope="session")
def rlkit():
    """Runs a command in this process and gives its exit status: `rlkit("train", "CartPole-v1")`."""
    return run
