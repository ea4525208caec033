import pytest

from rlkit.viewer.frame import short_name


@pytest.mark.parametrize(
    ("environment", "short"),
    [
        ("CartPole-v1", "CartPole-v1"),
        ("rlkit/Driving-v0", "rlkit/Driving-v0"),
        ("my_package.envs:Maze-v0", "my_package.envs:Maze-v0"),
        ("path/to/maze.py:Maze", "maze.py:Maze"),
    ],
)
def test_only_the_folders_of_a_file_are_left_out_of_an_environments_name(environment, short):
    assert short_name(environment) == short
