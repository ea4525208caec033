import numpy as np
import pytest
from PIL import Image

from rlkit.errors import DiskError, UserError
from rlkit.experiments.groups import group_runs
from rlkit.experiments.plots import align, check_target, draw, save
from rlkit.experiments.records import REWARD, Curve, find_runs


def curve(steps, values):
    steps = np.array(steps, dtype=float)
    return Curve(steps, steps / 10, np.array(values, dtype=float))


def test_runs_measured_at_the_same_steps_are_drawn_there():
    x, values = align([curve([1, 2, 3], [0, 1, 4]), curve([1, 2, 3], [5, 6, 7])], "steps")
    assert x.tolist() == [1, 2, 3]
    assert values.tolist() == [[0, 1, 4], [5, 6, 7]]


def test_an_unfinished_run_shortens_the_curve_and_makes_nothing_up():
    x, values = align([curve([1, 2, 3], [0, 1, 4]), curve([1, 2], [5, 6])], "steps")
    assert x.tolist() == [1, 2]
    assert values.tolist() == [[0, 1], [5, 6]]


def test_between_measurements_curves_are_straight():
    x, values = align([curve([0, 10], [0, 10]), curve([5, 15], [5, 15])], "steps")
    assert x[0] == 5
    assert x[-1] == 10
    np.testing.assert_allclose(values, [x, x])


def test_runs_without_a_common_stretch_are_still_drawn():
    x, values = align([curve([1, 2], [0, 1]), curve([3, 4], [5, 6])], "steps")
    assert len(x) == 1
    assert values.shape == (2, 1)


@pytest.fixture
def groups(make_run, tmp_path):
    for seed in range(3):
        make_run(f"a{seed}", {at: at / 100 + seed for at in range(100, 1001, 100)}, seed=seed)
        make_run(f"b{seed}", {1000: seed}, seed=seed, hyperparameters={"gamma": 0.9})
    make_run("c", {500: 1.0, 1000: 2.0}, env="Acrobot-v1")
    make_run("d", {}, env="Acrobot-v1", hyperparameters={"gamma": 0.9})  # nothing to draw
    return group_runs(find_runs([tmp_path]))


def test_the_line_is_the_interquartile_mean_of_the_seeds(groups):
    figure = draw(groups, REWARD)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    middle = lines["dqn, gamma=0.99"]
    np.testing.assert_allclose(middle.get_xdata(), np.arange(100, 1001, 100))
    np.testing.assert_allclose(middle.get_ydata(), np.arange(1, 11) + 1)  # of three seeds nothing is dropped


def test_each_environment_has_a_panel_and_each_group_with_a_curve_a_name(groups):
    figure = draw(groups, REWARD, axis="seconds", measure="mean")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["CartPole-v1", "Acrobot-v1"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["dqn, gamma=0.99", "dqn, gamma=0.9"]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_curves_make_the_same_picture_and_nothing_is_overwritten(groups, tmp_path, suffix):
    first, second = tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"
    for out in (first, second):
        check_target(out)
        save(draw(groups, REWARD), out)
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(UserError, match="the file exists"):
        check_target(first)
    if suffix == ".png":
        with Image.open(first) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 20  # there is something on it


def test_a_picture_that_could_not_be_written_is_refused_before_the_work(tmp_path):
    with pytest.raises(UserError, match=r"\.png, \.svg, \.pdf"):
        check_target(tmp_path / "curves.gif")
    with pytest.raises(UserError, match="does not exist"):
        check_target(tmp_path / "no" / "curves.png")


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_picture_for_which_the_disk_has_no_room_is_not_there(groups, tmp_path, small_files, suffix):
    folder = tmp_path / "pictures"
    folder.mkdir()
    figure = draw(groups, REWARD)
    with small_files(2_000), pytest.raises(DiskError, match=r"cannot write .*the limit on the size of a file"):
        save(figure, folder / f"curves{suffix}")
    assert list(folder.iterdir()) == []
