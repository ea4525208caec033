"""What lies inside of a folder, and what only seems to."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.errors import UserError
from rlkit.utils import paths

OUTSIDE = [
    "",
    ".",
    "..",
    "../mine",
    "a/../../mine",
    "a/..",
    "a//b",
    "a/",
    "/etc/passwd",
    "C:/mine",
    "C:mine",
    "c:\\mine",
    "..\\mine",
    "\\\\server\\mine",
    "a\nb",
    "a\0b",
    "a\x1b[2Jb",
    "a\u2028b",
    None,
    7,
    ["a"],
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_are_no_path_within_the_folder_are_refused(name, tmp_path):
    with pytest.raises(UserError, match="names"):
        paths.path_inside(tmp_path, name)


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_accepted_names_lie_inside_the_folder(name):
    folder = Path("/a/run")
    try:
        path = paths.path_inside(folder, name)
    except UserError:
        return
    resolved = Path(os.path.normpath(path))
    assert resolved != folder
    assert resolved.is_relative_to(folder)


@pytest.mark.parametrize("name", ["file", "folder", "folder/file", "dangling"])
def test_links_on_the_way_are_refused_and_named(name, tmp_path):
    mine, run = tmp_path / "mine", tmp_path / "run"
    mine.mkdir()
    run.mkdir()
    (mine / "file").write_text("mine")
    (run / "file").symlink_to(mine / "file")
    (run / "folder").symlink_to(mine)
    (run / "dangling").symlink_to(mine / "new")
    with pytest.raises(UserError, match="symbolic link"):
        paths.path_inside(run, name)
    with pytest.raises(UserError, match="symbolic link"):
        paths.check_tree(run)


def test_the_folder_that_was_named_may_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "file").write_text("there")
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    assert paths.path_inside(tmp_path / "run", "file").read_text() == "there"
    paths.check_tree(tmp_path / "run")


def test_a_pipe_is_refused_without_blocking(tmp_path):
    pipe = tmp_path / "metrics.jsonl"
    os.mkfifo(pipe)
    for read in (lambda: paths.open_regular(pipe), lambda: paths.read_bytes(pipe, 10)):
        with pytest.raises(UserError, match="not a regular file"):
            read()
    for write in (lambda: paths.check_tree(tmp_path), lambda: paths.open_lock(pipe)):
        with pytest.raises(UserError, match="a pipe"):
            write()


def test_a_file_larger_than_the_limit_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # a terabyte that takes no disk
    with pytest.raises(UserError, match="expected at most 1 MiB"):
        paths.read_bytes(tmp_path / "large", 2**20)


def test_a_folder_that_cannot_be_listed_is_an_error_not_an_empty_one(tmp_path):
    (tmp_path / "checkpoints").write_text("no folder")
    with pytest.raises(UserError, match="cannot be read"):
        paths.entries(tmp_path / "checkpoints")


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_what_is_created_replaces_a_link_and_leaves_its_target(link, tmp_path):
    (tmp_path / "mine").write_text("mine")
    link(tmp_path / "scratch", tmp_path / "mine")
    with paths.create_file(tmp_path / "scratch") as file:
        file.write(b"new")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "scratch").read_text() == "new"


def test_a_lock_keeps_the_content_of_a_file_that_is_linked_there(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".lock").hardlink_to(tmp_path / "mine")
    paths.open_lock(tmp_path / ".lock").close()
    assert (tmp_path / "mine").read_text() == "mine"
