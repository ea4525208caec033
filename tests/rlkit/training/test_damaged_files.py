"""Damaged files of a run, also with matching checksums: a sentence or a result, never another exception."""

import hashlib
import json
import random
import shutil

import pytest

from rlkit.errors import UserError
from rlkit.experiments.groups import group_runs
from rlkit.experiments.records import find_runs
from rlkit.experiments.report import summarise, table_rows
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training import run as training_run
from rlkit.training.progress import PlainReporter

SETTINGS = {"learning_starts": "100", "batch_size": "16", "hidden": "16", "per_alpha": "0.6", "buffer_size": "400"}
VALUES = [None, True, -1, 0, 1e308, 10**30, "x", "", [], {}, [[]], {"a": {"b": 1}}, "\x1b[2J", 0.5, [1] * 50, "../x"]
NESTED = "[" * 5000 + "]" * 5000
CASES = 150


def quiet(total):
    return PlainReporter(total, quiet=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    training_run.train(
        "CartPole-v1",
        steps=600,
        num_envs=4,
        eval_freq=200,
        eval_episodes=2,
        save_freq=200,
        run_dir=folder,
        settings=SETTINGS,
        reporter=quiet,
    )
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "steps": 700}))  # so that there is something to resume
    return folder


def damage_json(tree, chance):
    """Replace or remove a random entry of a JSON tree."""
    places = [((), tree)]
    for place, value in places:
        items = value.items() if isinstance(value, dict) else enumerate(value[:5]) if isinstance(value, list) else ()
        places += [((*place, key), entry) for key, entry in items]
    place, _ = chance.choice(places)
    if not place:
        return chance.choice(VALUES)
    parent = tree
    for key in place[:-1]:
        parent = parent[key]
    if isinstance(parent, dict) and chance.random() < 0.2:
        del parent[place[-1]]
    else:
        parent[place[-1]] = chance.choice(VALUES)
    return tree


def damage(file, chance):
    content = file.read_bytes()
    if file.suffix in (".json", ".jsonl") and chance.random() < 0.75:
        lines = content.decode().splitlines() if file.suffix == ".jsonl" else [content.decode()]
        index = chance.randrange(len(lines))
        nested = chance.random() < 0.1
        lines[index] = NESTED if nested else json.dumps(damage_json(json.loads(lines[index]), chance))
        file.write_text("\n".join(lines) + "\n")
        return
    data = bytearray(content)
    match chance.choice(["flip", "cut", "grow", "zero"]):
        case "flip":
            for _ in range(chance.choice([1, 4, 50])):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case "cut":
            del data[chance.randrange(len(data) + 1) :]
        case "grow":
            data += chance.randbytes(chance.randrange(1, 200))
        case "zero":
            data[:64] = bytes(min(64, len(data)))
    file.write_bytes(data)


def match_checksums(folder, damaged):
    for file in folder.rglob("manifest.json"):
        if file != damaged:
            manifest = json.loads(file.read_text())
            for name in manifest["files"]:
                manifest["files"][name] = hashlib.sha256((file.parent / name).read_bytes()).hexdigest()
            for segment in manifest["replay"]:
                segment["sha256"] = hashlib.sha256((folder / "replay" / segment["file"]).read_bytes()).hexdigest()
            file.write_text(json.dumps(manifest))


@pytest.mark.slow
@pytest.mark.parametrize("matching", [False, True])
def test_damaged_files_are_refused_with_a_sentence_or_harmless(run, tmp_path, matching):
    chance = random.Random(matching)
    files = sorted(file for file in run.rglob("*") if file.is_file() and "tfevents" not in file.name)
    files = [file for file in files if file.name != ".lock"]
    readers = (
        lambda work: evaluate_policy(find_policy(work), episodes=1),
        lambda work: table_rows([summarise(group, "eval/mean_reward") for group in group_runs(find_runs([str(work)]))]),
        lambda work: training_run.resume(work, reporter=quiet),
    )
    refused = 0
    for number in range(CASES):
        work = tmp_path / str(number)
        shutil.copytree(run, work)
        file = work / chance.choice(files).relative_to(run)
        damage(file, chance)
        if matching:
            match_checksums(work, file)
        for read in readers:
            try:
                read(work)
            except UserError:
                refused += 1
        shutil.rmtree(work)
    assert refused > CASES / 10
