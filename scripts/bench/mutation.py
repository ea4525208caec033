"""Mutation testing: which small changes of the agents and of the replay buffer no test notices.

    python -m pip install --constraint constraints.txt cosmic-ray==8.7.0
    python scripts/bench/mutation.py --mutants 85 --json mutation.json
    python scripts/bench/mutation.py --json mutation.json --survivors     # again, after tests were added

Mutants are those of cosmic-ray's operators (numbers, comparisons, arithmetic, booleans, loops) and of one
more, which deletes a statement; a seeded sample of places takes one mutant of each. Every mutant is tried in a process
of its own against the tests of its package, those of its file first, up to the first failure. Sources on disk stay as
they are. Not mutated are annotations, errors and their texts, summaries, declarations of hyperparameters, and constants
of modules: a test of these would repeat them.

Files with compiled kernels are tried with numba switched off, since numba would load the unchanged kernel from its
cache. Tests of whole learning runs, and those marked `slow`, are left out.
"""

import argparse
import ast
import importlib.machinery
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Imported once and shared by all mutants' processes; nothing of ours, which each of them imports anew.
import gymnasium  # noqa: F401
import hypothesis
import numba
import parso
import PIL.Image  # noqa: F401
import pytest
import torch
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

ROOT = Path(__file__).parents[2]
SOURCES = {"agents/rlkit_agents": "tests/rlkit_agents", "rlkit/replay": "tests/rlkit/replay"}
# Operators that need arguments, that end at the import, and that compare values by identity.
UNUSED = r"Variable|Decorator|(Eq|LtE?|GtE?)_Is(Not)?$"
LIMIT = 90  # seconds of computation, three times what the slowest package takes; a mutant that takes longer is noticed
SUMMARIES = ("describe", "cautions")
DECLARATIONS = ("hyperparameter", "warn", "UserError")  # calls in which nothing is mutated
CONFIGURATIONS = ("DQNConfig", "PQNConfig", "replace")  # calls whose constants are not mutated
SLOW = "learns_the_identity or act_and_learn"  # tests that are left out: others are meant to notice
LEAVES = {  # files that others are built of, with the tests that they are tried against
    "losses": ("losses", "distributions"),
    "distributions": ("distributions", "learner"),
    "augmentation": ("augmentation", "learner"),
    "exploration": ("exploration", "agent"),
    "rmsprop": ("rmsprop",),
    "config": ("config", "bounds", "presets", "agent"),
    "presets": ("presets",),
    "mirroring": ("mirroring",),
    "prioritized": ("prioritized", "buffer"),
    "storage": ("storage", "buffer"),
    "baselines": ("baselines",),
}


class DeleteStatement(Operator):  # type: ignore[misc]
    """Delete a call, an augmented assignment, or an assignment to an item or an attribute of something."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Where this can be done."""
        if node.type == "simple_stmt" and self._deletable(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the statement by `pass`."""
        first = node.get_first_leaf()
        node.children[0] = parso.python.tree.Name("pass", first.start_pos, first.prefix)
        return node

    @staticmethod
    def _deletable(statement: Any) -> bool:
        if statement.type != "expr_stmt":
            return bool(statement.type == "atom_expr")
        target, operator = statement.children[:2]
        return getattr(operator, "value", "=") != "=" or (target.type == "atom_expr" and operator.type == "operator")

    @classmethod
    def examples(cls) -> Sequence[Any]:
        """None."""
        return ()


OPERATORS = {name: OperatorProvider()[name] for name in OperatorProvider() if not re.search(UNUSED, name)}
OPERATORS["DeleteStatement"] = DeleteStatement


@dataclass
class Mutant:
    """One change of one file, and whether a test noticed it."""

    file: str
    line: int
    operator: str
    occurrence: int
    before: str = ""
    after: str = ""
    outcome: str = ""
    seconds: float = 0.0


def mutants_of(file: Path) -> list[list[Mutant]]:
    """The mutants of a file by place, in the order of places."""
    source = file.read_text()
    excluded = [(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) for node in _excluded(source)]
    places: dict[tuple[Any, Any], list[Mutant]] = {}
    nodes = list(ast_nodes(get_ast(source)))
    for name, operator in OPERATORS.items():
        positions = [position for node in nodes for position in operator().mutation_positions(node)]
        for occurrence, (start, end) in enumerate(positions):
            if not any((first, left) <= start and end <= (last, right) for first, left, last, right in excluded):
                mutant = Mutant(str(file.relative_to(ROOT)), start[0], name, occurrence)
                places.setdefault((start, end), []).append(mutant)
    return [places[place] for place in sorted(places)]


def _excluded(source: str) -> Iterator[Any]:
    """Nodes in which nothing is mutated."""
    tree = ast.parse(source)
    yield from (node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign))
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            yield node
        if isinstance(node, ast.FunctionDef) and node.name in SUMMARIES:
            yield node
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in DECLARATIONS:
                yield node
            if name in CONFIGURATIONS:
                yield from (argument.value for argument in node.keywords if _is_constant(argument.value))
        for field in ("annotation", "returns"):
            if (annotation := getattr(node, field, None)) is not None:
                yield annotation


def _is_constant(node: ast.expr) -> bool:
    return all(
        isinstance(
            part, ast.Constant | ast.UnaryOp | ast.BinOp | ast.Tuple | ast.operator | ast.unaryop | ast.expr_context
        )
        for part in ast.walk(node)
    )


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _difference(source: str, mutated: str) -> tuple[str, str]:
    """The first line that differs, before and after."""
    for before, after in zip(source.splitlines(), mutated.splitlines(), strict=False):
        if before != after:
            return before, after
    return "", ""


def tests_of(file: str) -> list[str]:
    """The tests that a file is tried against, its own first."""
    package = next(source for source in SOURCES if file.startswith(source + "/"))
    inner = Path(file).relative_to(package)
    folder = ROOT / SOURCES[package] / inner.parent
    if inner.stem in LEAVES:
        named = [place / f"test_{name}.py" for name in LEAVES[inner.stem] for place in (folder, folder.parent)]
        return [str(path.relative_to(ROOT)) for path in named if path.exists()]
    files = sorted(folder.glob("test_*.py"), key=lambda path: (path.name != f"test_{inner.stem}.py", path))
    return [str(path.relative_to(ROOT)) for path in files]


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from other text than that of its file."""

    text = ""

    def get_code(self, fullname: str) -> types.CodeType:
        return compile(self.text, self.path, "exec")


class _Finder:
    """Finds one module by its file, and gives it other text."""

    def __init__(self, file: Path, text: str):
        self._file, self._text = file, text

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.rpartition(".")[2] != self._file.stem and name.rpartition(".")[2] != self._file.parent.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.origin is None or Path(spec.origin).resolve() != self._file.resolve():
            return None
        loader = _Loader(name, spec.origin)
        loader.text = self._text
        spec.loader = loader
        return spec


def outcome(file: str, text: str, tests: Sequence[str]) -> str:
    """Run tests with a file's text changed: "survived", "killed", or "timeout"."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
            os._exit(_test(file, text, tests))
        ended = _wait(child, 10 * LIMIT)
    if ended is None or os.WIFSIGNALED(ended):
        return "timeout"
    if os.WEXITSTATUS(ended) > 3:  # no tests, or wrong arguments
        raise SystemExit(f"pytest ended with {os.WEXITSTATUS(ended)} for {file}")
    return "survived" if ended == 0 else "killed"


def _test(file: str, text: str, tests: Sequence[str]) -> int:
    try:
        sys.meta_path.insert(0, _Finder(ROOT / file, text))  # type: ignore[arg-type]
        if "@kernel" in text:
            numba.config.DISABLE_JIT = True
        hypothesis.settings.register_profile("repeatable", derandomize=True, database=None)
        hypothesis.settings.load_profile("repeatable")
        return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--tb=short", "-k", f"not ({SLOW})", *tests]))
    except BaseException:
        return 1


def _wait(child: int, limit: float) -> int | None:
    """The status of a process, or None if it was ended at the limit."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return status
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def sample(count: int, seed: int) -> list[Mutant]:
    """One mutant of each of so many places, chosen at random."""
    chance = random.Random(seed)
    files = sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    places = [place for file in files for place in mutants_of(file)]
    print(f"{min(count, len(places))} of {len(places):,} places")
    chosen = []
    for place in chance.sample(places, len(places)):
        if len(chosen) == count:
            break
        mutant = chance.choice(place)
        source = (ROOT / mutant.file).read_text()
        mutated = mutate_code(source, OPERATORS[mutant.operator](), mutant.occurrence)
        if _compiles(mutated):
            mutant.before, mutant.after = (line.strip() for line in _difference(source, mutated))
            chosen.append(mutant)
    return chosen


def run(mutants: Iterable[Mutant], save: Callable[[], None]) -> None:
    """Try each mutant; `save` is called after each."""
    for mutant in mutants:
        source = (ROOT / mutant.file).read_text()
        mutated = mutate_code(source, OPERATORS[mutant.operator](), mutant.occurrence)
        start = time.monotonic()
        mutant.outcome = outcome(mutant.file, mutated, tests_of(mutant.file))
        mutant.seconds = round(time.monotonic() - start, 1)
        print(f"{mutant.outcome:9}{mutant.seconds:6.1f} s  {mutant.file}:{mutant.line}  {mutant.before}", flush=True)
        if mutant.outcome == "survived":
            print(f"{'':19}{mutant.after}", flush=True)
        save()


def main() -> None:
    """Print each mutant's outcome, and the share noticed by file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=85, help="size of the sample (default: 85)")
    parser.add_argument("--seed", type=int, default=0, help="selects the sample (default: 0)")
    parser.add_argument("--json", type=Path, help="file to write the outcomes to; an interrupted run goes on from it")
    parser.add_argument("--survivors", action="store_true", help="try those again that no test noticed in the file")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    torch.set_num_threads(1)
    if arguments.json is not None and arguments.json.exists():
        mutants = [Mutant(**mutant) for mutant in json.loads(arguments.json.read_text())["mutants"]]
    else:
        mutants = sample(arguments.mutants, arguments.seed)

    def save() -> None:
        if arguments.json is not None:
            report = {"benchmark": "mutation", "seed": arguments.seed, "mutants": [asdict(one) for one in mutants]}
            arguments.json.write_text(json.dumps(report, indent=1) + "\n")

    if not any(mutant.outcome for mutant in mutants):
        unchanged = mutants[0].file
        if outcome(unchanged, (ROOT / unchanged).read_text(), list(SOURCES.values())) != "survived":
            raise SystemExit("the tests fail as it is")
    again = ("survived", "") if arguments.survivors else ("",)
    run([mutant for mutant in mutants if mutant.outcome in again], save)
    total = Counter(mutant.file for mutant in mutants)
    survived = Counter(mutant.file for mutant in mutants if mutant.outcome == "survived")
    for file in sorted(total):
        print(f"{total[file] - survived[file]:4} of {total[file]:3}  {file}")
    print(f"{total.total() - survived.total()} of {total.total()} noticed")


if __name__ == "__main__":
    main()
