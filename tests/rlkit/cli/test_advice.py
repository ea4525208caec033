"""Options and commands that messages name exist in the command that prints the message."""

import ast
import dataclasses
import importlib
import pkgutil
import re
import typing
from pathlib import Path

import pytest

import rlkit.cli
import rlkit.cli.perception

PACKAGE = Path(rlkit.cli.__file__).parents[1]
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
COMMAND = re.compile(r"\brlkit (perception )?([a-z]+(?:-[a-z]+)*)(?= |`|$|;|,)")
PROSE = {"needs", "reads", "choose", "refuses", "trains", "steps", "keeps", "best"}  # what "rlkit" does in a sentence
OTHER_PROGRAMS = {"logdir", "version"}  # tensorboard --logdir; rlkit --version


def options_of(verb):
    hints = typing.get_type_hints(verb, include_extras=True)
    positional = {name for name, hint in hints.items() if "Positional" in repr(getattr(hint, "__metadata__", ()))}
    return {field.name.replace("_", "-") for field in dataclasses.fields(verb)} - positional


def options_by_command():
    found = {}
    for package, prefix in ((rlkit.cli, ""), (rlkit.cli.perception, "perception ")):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            values = vars(importlib.import_module(module.name)).values()
            classes = [v for v in values if dataclasses.is_dataclass(v) and v.__module__ == module.name]
            for verb in filter(lambda each: hasattr(each, "run"), classes):
                name = module.name.rpartition(".")[2].replace("_", "-")
                if len(classes) > 1:
                    name = re.sub(r"(?<!^)(?=[A-Z])", "-", verb.__name__).lower()
                found[prefix + name] = (module.name, options_of(verb) | {"help"})
    return found


COMMANDS = options_by_command()

# Which commands print the messages of a module; the longest prefix counts.
PRINTED_BY = {
    "cli.agents": {"train"},  # how hyperparameters are set
    "experiments.tuning": {"tune"},
    "experiments.trial": {"tune"},
    "experiments.search_space": {"tune"},
    "experiments.multi_seed": {"train"},
    "experiments": {"report", "plot", "tune"},
    "env_checker": {"check"},
    "training.run": {"train"},
    "training.config": {"train", "perception train", "tune"},
    "training": {"train", "perception train"},
    "policy": {"evaluate", "watch", "play"},
    "perception.networks": {"perception train", "perception evaluate", "perception predict", "perception export"},
    "perception.model": {command for command in COMMANDS if command.startswith("perception")},
    "perception": {"train", "evaluate", "watch", "play"},
    "segmentation.export": {"perception export"},
    "segmentation.datasets": {command for command in COMMANDS if command.startswith("perception")},
    "segmentation.run": {"perception train"},
    "segmentation.trainer": {"perception train"},
    "segmentation.network_trainer": {"perception train"},
    "segmentation.config": {"perception train"},
    "detection.export": {"perception export"},
    "detection.run": {"perception train"},
    "detection.config": {"perception train"},
    "detection": {"perception train", "perception evaluate", "perception predict"},
    "segmentation": {command for command in COMMANDS if command.startswith("perception")},
    "viewer.play_window": {"play"},
    "viewer.scores": {"play"},
    "viewer": {"watch", "play"},
    "": set(COMMANDS),
}


def messages(path):
    """Texts in a module beside docstrings and words that stand alone; values of f-strings are left out."""
    tree = ast.parse(path.read_text())
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and " " in node.value and id(node) not in skipped:
            yield node.value


def printers(module):
    relative = module.removeprefix("rlkit.")
    own = {command for command, (place, _) in COMMANDS.items() if module == place}
    return (
        own
        if own and relative not in PRINTED_BY
        else PRINTED_BY[max((prefix for prefix in PRINTED_BY if relative.startswith(prefix)), key=len)]
    )


def wrong_advice(module, text):
    """What a message names that does not exist."""
    pieces = [(printers(module), 0)]
    for match in COMMAND.finditer(text):
        command = f"{match[1] or ''}{match[2]}"
        if command in COMMANDS:
            pieces.append(({command}, match.start()))
        elif match[2] not in PROSE and command != "perception":
            yield f"rlkit {command}"
    ends = [start for _, start in pieces[1:]] + [len(text)]
    for (commands, start), end in zip(pieces, ends, strict=True):
        for option in OPTION.findall(text[start:end]):
            if option not in OTHER_PROGRAMS and not any(option in COMMANDS[command][1] for command in commands):
                yield f"--{option} in {' or '.join(sorted(commands))}"


SOURCES = [
    path for path in sorted(PACKAGE.rglob("*.py")) if OPTION.search(path.read_text()) or "rlkit " in path.read_text()
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_messages_name_options_that_exist(path):
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    wrong = {text: found for text in messages(path) if (found := list(wrong_advice(module, text)))}
    assert not wrong


def test_a_wrong_advice_is_found():
    assert list(wrong_advice("rlkit.training.run", "add: --env X")) == ["--env in train"]
    assert list(wrong_advice("rlkit.segmentation.run", "--model is one of rlkit evaluate … --env … --model")) == [
        "--model in perception train",
        "--model in evaluate",
    ]
    assert list(wrong_advice("rlkit.cli.train", "rlkit trane CartPole-v1")) == ["rlkit trane"]


def test_all_commands_are_known():
    assert {"train", "new-env", "perception make-dataset"} <= COMMANDS.keys()
    assert "max-grad-norm" not in COMMANDS["train"][1]
    assert "eval-freq" in COMMANDS["train"][1]
