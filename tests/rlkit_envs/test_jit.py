"""Compiled code on disk is reused exactly while its sources are unchanged."""

import errno
import functools
import os
import subprocess
import sys
import textwrap

import numba
import pytest
from rlkit_envs.jit import WARNED, compile_kernel

PACKAGE = {
    "callee.py": """
        from toy.compiled import kernel

        @kernel
        def inner(x):
            return x + 1
    """,
    "caller.py": """
        from toy.callee import inner
        from toy.compiled import kernel

        @kernel
        def outer(x):
            return 10 * inner(x)
    """,
    "compiled.py": """
        from pathlib import Path

        from rlkit_envs.jit import compile_kernel, digest_of

        CALLED = digest_of(Path(__file__).with_name("callee.py"))

        def kernel(function):
            return compile_kernel(function, CALLED)
    """,
    "__init__.py": "",
}
RUN = "from toy.caller import outer; print(outer(1), sum(outer.stats.cache_hits.values()))"


@pytest.fixture
def toy(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    for name, text in PACKAGE.items():
        (folder / name).write_text(textwrap.dedent(text))
    return folder


def run(toy, preexec_fn=None, **variables):
    """The result of the outer kernel, and its number of cache hits."""
    path = os.pathsep.join([str(toy.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True, preexec_fn=preexec_fn
    )
    return [int(number) for number in done.stdout.split()], done.stderr


def edit(file, old, new):
    file.write_text(file.read_text().replace(old, new))


def test_code_is_loaded_until_its_own_or_a_called_file_changes(toy):
    assert run(toy)[0] == [20, 0]
    assert run(toy)[0] == [20, 1]
    edit(toy / "callee.py", "x + 1", "x + 2")
    assert run(toy)[0] == [30, 0]
    edit(toy / "caller.py", "10 *", "100 *")
    assert run(toy)[0] == [300, 0]


def test_new_modification_times_of_the_same_text_change_nothing(toy):
    run(toy)
    for file in toy.glob("*.py"):
        os.utime(file, (1, 1))
    assert run(toy)[0] == [20, 1]


WARNING = "compiled code cannot be stored, so that every run compiles it again"


def test_without_a_cache_folder_every_run_compiles_with_one_warning(toy):
    nowhere = {
        "NUMBA_CACHE_DIR": str(toy / "callee.py/folder"),
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
    }
    for _ in range(2):
        numbers, said = run(toy, **nowhere)
        assert numbers == [20, 0]
        assert said.count(WARNING) == said.count("\n") == 1


def test_on_a_full_disk_every_run_compiles_with_one_warning(toy):
    resource = pytest.importorskip("resource", reason="limits of a process are those of Unix")
    for _ in range(2):
        limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100, 100))
        numbers, said = run(toy, preexec_fn=limit)
        assert numbers == [20, 0]
        assert said.count(WARNING) == said.count("\n") == 1


def test_a_kernel_of_one_signature_is_compiled_without_a_cache_folder(monkeypatch):
    monkeypatch.setenv(WARNED, "")
    monkeypatch.delenv(WARNED)
    njit = numba.njit

    def on_a_full_disk(*arguments, cache=False, **options):
        if cache:
            raise OSError(errno.ENOSPC, "No space left on device")
        return njit(*arguments, **options)

    monkeypatch.setattr(numba, "njit", on_a_full_disk)
    with pytest.warns(UserWarning, match=WARNING):
        kernel = compile_kernel(lambda x: x + 1, "", "int64(int64)")
    assert kernel(1) == 2
