"""Damaged files of all kinds: one sentence that names the file, or a result; never another exception, a hang or much
memory.
"""

import contextlib
import hashlib
import json
import random
import resource
import runpy
import shutil
import signal
import sqlite3
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from rlkit.cli import main
from rlkit.cli.options import EVALUATION, write_result
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.experiments.groups import group_runs
from rlkit.experiments.plots import draw
from rlkit.experiments.records import check_tag, find_runs
from rlkit.experiments.report import markdown, notes, summarise
from rlkit.perception.model import find_model, load_model
from rlkit.perception.networks import NETWORKS, build_network
from rlkit.perception.networks.vgg16 import load_vgg16
from rlkit.policy import evaluate_policy, find_policy
from rlkit.segmentation import run as segmentation_run
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.visualization.sources import views_of_path
from rlkit.training import run as training_run
from rlkit.training.pretrained import AgentCard, Figures, Selection, write_agent_file
from rlkit.training.progress import PlainReporter
from rlkit.training.trained_agent import find_trained
from rlkit.viewer.scores import FORMAT, BestFile

damage = runpy.run_path(str(Path(__file__).with_name("damage.py")))["damage"]

DQN = {"learning_starts": "40", "batch_size": "8", "hidden": "8", "per_alpha": "0.6", "buffer_size": "100"}
RUN = {"steps": 120, "num_envs": 4, "eval_freq": 60, "eval_episodes": 1, "save_freq": 60}
CASES = 15  # of damage to each kind of file in the slow test
SECONDS = 60  # that a reader may take
MEMORY = 2**30  # bytes that a reader may take


class Tiny(torch.nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(
            torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, num_classes, 1)
        )


def quiet(total):
    return PlainReporter(total, quiet=True)


# ------------------------------------------------------------------------------------------------------------- readers


def read_agent_run(folder):
    evaluate_policy(find_policy(folder, report=lambda _: None), episodes=1)


def report_runs(folder):
    runs = find_runs([folder])
    check_tag(runs, "eval/mean_reward")
    groups = group_runs(runs)
    summaries = [summarise(group, "eval/mean_reward") for group in groups]
    [markdown(summaries), notes(summaries), [json.dumps(row.to_json()) for row in summaries]]
    draw(groups, "eval/mean_reward")


def resume_agent_run(folder):
    training_run.resume(folder, reporter=quiet, time_limit=3)


def read_agent_file(folder):
    evaluate_policy(find_policy(folder / "agent.safetensors"), episodes=1)


def begin_again(folder):
    """Resume a run that was stopped before its first checkpoint."""
    shutil.rmtree(folder / "checkpoints")
    (folder / "metrics.jsonl").unlink()
    resume_agent_run(folder)


def repeat_run(folder):
    main(
        [
            "train",
            "--config",
            str(folder / "config.json"),
            "--run-dir",
            str(folder / "again"),
            "-q",
            "--time-limit",
            "1",
        ]
    )


def read_perception_run(folder):
    load_model(find_model(folder))


def resume_perception_run(folder):
    segmentation_run.resume(folder, reporter=quiet, time_limit=3)


def read_pictures(folder):
    dataset = open_dataset(folder)
    dataset.check_training()
    next(iter(dataset.training(1, np.random.default_rng(0))))
    for split in dataset.splits:
        list(dataset.measured(split))


def read_photo(folder):
    list(views_of_path(folder / "photo.png", None).views)


def search(folder):
    from rlkit.experiments.tuning import Search, tune

    plan = Search("CartPole-v1", settings=DQN | {"per_alpha": "0"}, search=["gamma=0.9,0.99"], steps=40, num_envs=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tune(plan, folder / "study.sqlite3", trials=3, timeout=3, say=lambda _: None)


def drive(folder):
    make_vec_env(EnvConfig("rlkit/Driving-v0", {"circuit": str(folder / "circuit.csv")}), 1).close()


def read_vgg16(folder):
    load_vgg16(build_network("segnet", 2), folder / "vgg16.safetensors")


# ------------------------------------------------------------------------------------------------------------- samples


@dataclass(frozen=True)
class Reader:
    """One kind of file and what reads it.

    Args:
        sample: Name of the folder that holds an intact one.
        file: Pattern of the file in that folder.
        kind: What it holds, as `damage` takes it.
        read: Reads the folder.
    """

    sample: str
    file: str
    kind: str
    reads: tuple


AGENT = (read_agent_run, report_runs, resume_agent_run)
READERS = {
    "config.json of an agent's run": Reader("dqn", "config.json", "json", (*AGENT, repeat_run)),
    "spaces.json": Reader("dqn", "spaces.json", "json", AGENT),
    "manifest.json": Reader("dqn", "checkpoints/*/manifest.json", "json", AGENT),
    "manifest.json of the best weights": Reader("dqn", "best/*/manifest.json", "json", AGENT),
    "training.json of DQN": Reader("dqn", "checkpoints/*/training.json", "json", (resume_agent_run,)),
    "training.json of PQN": Reader("pqn", "checkpoints/*/training.json", "json", (resume_agent_run,)),
    "training.safetensors of DQN": Reader("dqn", "checkpoints/*/training.safetensors", "tensors", (resume_agent_run,)),
    "training.safetensors of PQN": Reader("pqn", "checkpoints/*/training.safetensors", "tensors", (resume_agent_run,)),
    "weights.safetensors": Reader("dqn", "*/*/weights.safetensors", "tensors", AGENT),
    "replay segment": Reader("dqn", "replay/segment-*.npy", "array", (resume_agent_run,)),
    "initial weights": Reader("init", "initial.safetensors", "tensors", (begin_again, repeat_run)),
    "agent": Reader("agent", "agent.safetensors", "tensors", (read_agent_file,)),
    "agent's card": Reader("agent", "agent.safetensors", "card", (read_agent_file,)),
    "metrics.jsonl": Reader("dqn", "metrics.jsonl", "lines", AGENT),
    "config.json of a perception run": Reader(
        "seg", "config.json", "json", (read_perception_run, resume_perception_run)
    ),
    "manifest.json of a perception run": Reader("seg", "checkpoints/*/manifest.json", "json", (resume_perception_run,)),
    "training.json of a perception run": Reader("seg", "checkpoints/*/training.json", "json", (resume_perception_run,)),
    "training.safetensors of a perception run": Reader(
        "seg", "checkpoints/*/training.safetensors", "tensors", (resume_perception_run,)
    ),
    "weights.safetensors of a perception run": Reader(
        "seg", "checkpoints/*/weights.safetensors", "tensors", (resume_perception_run,)
    ),
    "metrics.jsonl of a perception run": Reader("seg", "metrics.jsonl", "lines", (resume_perception_run,)),
    "model": Reader("seg", "best/model.safetensors", "tensors", (read_perception_run,)),
    "model card": Reader("seg", "best/model.safetensors", "card", (read_perception_run,)),
    "VGG16 weights": Reader("vgg16", "vgg16.safetensors", "tensors", (read_vgg16,)),
    "study": Reader("study", "study.sqlite3", "study", (search,)),
    "best attempts": Reader("scores", "best.json", "json", (lambda folder: BestFile(folder / "best.json"),)),
    "evaluation result": Reader(
        "result", "result.json", "json", (lambda folder: write_result(str(folder / "result.json"), {}),)
    ),
    "classes.json": Reader("own", "classes.json", "json", (read_pictures,)),
    "conditions.json": Reader("own", "conditions.json", "json", (read_pictures,)),
    "BDD100K boxes": Reader("bdd", "labels/det_20/det_val.json", "json", (read_pictures,)),
    "picture": Reader("own", "images/*.png", "picture", (read_pictures,)),
    "mask": Reader("own", "masks/*.png", "picture", (read_pictures,)),
    "Cityscapes labels": Reader("city", "gtFine/*/*/*.png", "picture", (read_pictures,)),
    "KITTI labels": Reader("kitti", "training/gt_image_2/*.png", "picture", (read_pictures,)),
    "photo": Reader("photo", "photo.png", "picture", (read_photo,)),
    "circuit": Reader("circuit", "circuit.csv", "table", (drive,)),
}


def picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, dtype=np.uint8)).save(path)


def make_pictures(folder):
    road = np.zeros((16, 24))
    road[8:, 6:18] = 1
    shades = [np.full((16, 24, 3), shade) for shade in (60, 90, 120, 150)]
    for number, shade in enumerate(shades):
        picture(folder / f"own/images/{number}.png", shade)
        picture(folder / f"own/masks/{number}.png", road)
        for split in ("train", "val"):
            picture(folder / f"bdd/images/100k/{split}/{number}.jpg", shade)
            picture(folder / f"bdd/labels/drivable/masks/{split}/{number}.png", 2 - 2 * road)
            picture(folder / f"city/leftImg8bit/{split}/ulm/ulm_{number}_leftImg8bit.png", shade)
            picture(folder / f"city/gtFine/{split}/ulm/ulm_{number}_gtFine_labelIds.png", 7 * road)
        lane = np.stack([255 + 0 * road, 0 * road, 255 * road], axis=-1)
        picture(folder / f"kitti/training/image_2/um_{number:06}.png", shade)
        picture(folder / f"kitti/training/gt_image_2/um_road_{number:06}.png", lane)
    picture(folder / "photo/photo.png", shades[0])
    (folder / "own/classes.json").write_text('{"names": ["grass", "road"], "drivable": ["road"]}')
    (folder / "own/conditions.json").write_text('{"0": "rain", "1": "sun"}')
    frames = [{"name": f"{number}.jpg", "attributes": {"weather": "rainy"}, "labels": None} for number in range(4)]
    (folder / "bdd/labels/det_20").mkdir()
    (folder / "bdd/labels/det_20/det_val.json").write_text(json.dumps(frames))


def make_small_files(folder):
    for name in ("scores", "result", "circuit", "vgg16"):
        (folder / name).mkdir()
    place = {"return": 3.5, "time": 61.2, "poses": [[0.0, 1.0, 0.5], [1.0, 1.0, 0.5]]}
    (folder / "scores/best.json").write_text(json.dumps({"format": FORMAT, "places": {"a": place, "b": place}}))
    (folder / "result/result.json").write_text(json.dumps(dict.fromkeys(EVALUATION, 1.5)))
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    rows = [f"{60 * np.cos(turn):.3f},{60 * np.sin(turn):.3f},4.0,5.0" for turn in turns]
    (folder / "circuit/circuit.csv").write_text("\n".join(["# x_m,y_m,w_tr_right_m,w_tr_left_m", *rows]) + "\n")
    small = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}
    save_file(small, folder / "vgg16/vgg16.safetensors")


def make_run(folder, algo, settings, init=None):
    how = {"algo": algo, "settings": settings, "init": init}
    training_run.train("CartPole-v1", run_dir=folder, reporter=quiet, **how, **RUN)
    raise_budget(folder, 140)  # so that there is something to resume


def make_agent_file(folder, run):
    trained = find_trained(run)
    parts = {"config": trained.config, "spaces": trained.spaces, "steps": trained.steps}
    words = {"name": "pole", "about": "Balances a pole.", "command": "rlkit train CartPole-v1", "minutes": 0.5}
    how = Selection({0: 20.0}, 0, "mean reward"), Figures("rlkit evaluate pretrained:pole", 20, "20", {"reward": 20.0})
    folder.mkdir()
    card = AgentCard(**parts, **words, selection=how[0], figures=how[1])
    write_agent_file(folder / "agent.safetensors", card, trained.weights())


def make_perception_run(folder, pictures):
    settings = {"batch_size": "2", "bn_samples": "2", "threads": "1"}
    options = {"network": "tiny", "val_freq": 2, "save_freq": 2, "settings": settings}
    segmentation_run.train(pictures, steps=4, run_dir=folder, reporter=quiet, **options)
    raise_budget(folder, 6)


def raise_budget(run, steps):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "steps": steps}))


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Makes a folder with intact files by its name, once."""
    folder = tmp_path_factory.mktemp("samples")
    make_pictures(folder)
    make_small_files(folder)

    def make(name):
        path = folder / name
        if not path.exists():
            match name:
                case "dqn":
                    make_run(path, name, DQN)
                case "pqn":
                    make_run(path, name, {"hidden": "8"})
                case "init":
                    make_run(path, "dqn", DQN, init=make("dqn"))
                case "agent":
                    make_agent_file(path, make("dqn"))
                case "seg":
                    make_perception_run(path, folder / "own")
                case "study":
                    pytest.importorskip("optuna", reason="optuna is not installed: it is in the tune extra")
                    path.mkdir()
                    search(path)
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", Tiny)
        yield make


@pytest.fixture
def work(sample, tmp_path):
    """Makes a copy of a sample, to be damaged."""

    def copy(name):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        return Path(shutil.copytree(sample(name), tmp_path / name))

    return copy


# --------------------------------------------------------------------------------------------------------------- tests


def digest(file):
    if not file.is_file():  # a pipe would be read for ever
        raise OSError(f"{file} is no regular file")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def match_checksums(folder, damaged):
    """Bring the digests in manifests up to date, as somebody would who changes files on purpose."""
    for file in folder.rglob("manifest.json"):
        if file == damaged or not file.is_file():
            continue
        manifest = json.loads(file.read_text())
        with contextlib.suppress(OSError):
            for name in manifest["files"]:
                manifest["files"][name] = digest(file.parent / name)
            for segment in manifest["replay"]:
                segment["sha256"] = digest(folder / "replay" / segment["file"])
        file.write_text(json.dumps(manifest))


@contextlib.contextmanager
def bounded():
    """Fail where the block takes too long, or too much memory."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it does not end"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    taken = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
    assert taken < MEMORY, f"it took {taken / 2**20:.0f} MiB"


def read_safely(read, folder):
    """Read a folder; return what it was refused with, or "" where it was accepted."""
    try:
        with bounded():
            read(folder)
    except UserError as error:
        return str(error)
    except SystemExit as left:
        return f"status {left.code}"
    return ""


def damage_one(reader, folder, seed):
    """Damage one file of a folder; return its path."""
    chance = random.Random(seed)
    files = sorted(folder.glob(reader.file))
    file = files[-1] if chance.random() < 0.8 else chance.choice(files)  # of checkpoints mostly the newest
    damage(file, reader.kind, chance)
    if chance.random() < 0.8:
        match_checksums(folder, file)
    return file


def test_the_samples_are_intact(work):
    for reader in (READERS[name] for name in ("training.json of DQN", "training.json of PQN", "model", "circuit")):
        for read in reader.reads:
            assert read_safely(read, work(reader.sample)) == ""


QUICK = [
    name
    for name, reader in READERS.items()
    if reader.sample not in ("dqn", "pqn", "init", "agent", "seg", "study", "vgg16")
]


@pytest.mark.parametrize("name", QUICK)
def test_some_damage_is_refused_in_a_sentence_or_harmless(name, work):
    drive_reader(READERS[name], range(3), work)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_much_damage_is_refused_in_a_sentence_or_harmless(name, work):
    @settings(max_examples=CASES, database=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32))
    def run(seed):
        drive_reader(READERS[name], [seed], work)

    run()


def drive_reader(reader, seeds, work):
    for seed in seeds:
        for read in reader.reads:
            folder = work(reader.sample)
            file = damage_one(reader, folder, seed)
            said = read_safely(read, folder)
            if said and read is not repeat_run:  # that one prints what it says
                assert file.name in said or folder.name in said, said
                assert len(said) < 1000, said


# Found by such damage: what was changed in a file, and a part of the sentence.
STATE = "checkpoints/000000120/training.json"
CORPUS = [
    ("dqn", STATE, "agent/updates", '"x"', "updates is 'x'"),
    ("dqn", STATE, "agent/updates", "true", "updates is True"),
    ("dqn", STATE, "agent/steps", "-1", "steps is -1"),
    ("dqn", STATE, "agent/exploration/actions/0", "7", "actions from 0 to 1"),
    ("dqn", STATE, "agent/exploration/remaining", "[1]", "a list of 1, expected a list of 4"),
    ("dqn", STATE, "agent/optimizer/0", "{}", "optimizer/0 lacks 'exp_avg'"),
    (
        "dqn",
        STATE,
        "agent/optimizer/0/exp_avg",
        '{"$array": "/agent/optimizer/1/exp_avg"}',
        "optimizer/0/exp_avg has shape",
    ),
    ("dqn", STATE, "agent/optimizer/0/exp_avg", "0.0", "optimizer/0/exp_avg is 0.0, expected an array"),
    ("dqn", STATE, "agent/optimizer/99", "{}", "the numbers of"),
    ("dqn", STATE, "agent/online/extra", "1", "unknown entry 'extra'"),
    ("dqn", STATE, "loop/steps", "60", "steps is 60, expected 120"),
    ("dqn", STATE, "loop/steps", "120.0", "steps is 120.0"),
    ("dqn", STATE, "loop/best", "NaN", "best is nan"),
    ("dqn", STATE, "loop/seconds", "true", "seconds is True"),
    ("dqn", STATE, "loop/episodes/finished", "1e308", "finished is 1e+308"),
    ("dqn", STATE, "loop/episodes/numbers/0", "-3", "numbers is -3"),
    ("dqn", STATE, "loop/episodes/returns/0", "Infinity", "returns/0 is inf"),
    ("dqn", STATE, "replay/last/0", "1000000", "newest rows lie outside"),
    ("dqn", STATE, "replay/priorities/largest", "NaN", "largest is nan"),
    ("dqn", STATE, "", "[" * 3000 + "]" * 3000, "training.json is damaged"),
    ("dqn", STATE, "loop/latest/extra", "-Infinity", "extra is -inf"),
    ("dqn", STATE, "agent/optimizer/0/step/extra", "1", "an array has the entries '$array', 'extra'"),
    ("dqn", STATE, "agent/optimizer/0/step/$array", '"nowhere"', "there is no array 'nowhere'"),
    ("dqn", "config.json", "versions/machine", '"\\ud800"', "has control characters"),
    ("seg", "config.json", "hyperparameters/gamma", None, "hyperparameters lack gamma"),
    ("seg", "config.json", "versions/python", "3.0", "expected texts"),
    ("dqn", "config.json", "hyperparameters/gamma", "[[]]", "gamma"),
    ("pqn", STATE, "agent/rollout/filled", "1000000", "filled is 1000000"),
    ("pqn", STATE, "agent/rollout/truncation_steps", "[5]", "1 steps and 0 environments"),
    ("pqn", STATE, "agent/updates", "null", "updates is None"),
    ("seg", "checkpoints/000000004/training.json", "agent/optimizer/0/exp_avg", None, "optimizer/0 lacks 'exp_avg'"),
    ("seg", "checkpoints/000000004/training.json", "agent/average/mean", "[]", "average/mean is a list of 0"),
    ("seg", "checkpoints/000000004/training.json", "agent/average/steps", '"4"', "average/steps is '4'"),
    ("seg", "checkpoints/000000004/training.json", "loop/stale", "0.5", "stale is 0.5"),
    ("seg", "config.json", "hyperparameters/brightness", "1e999", "config.json cannot be used: brightness = inf"),
    ("seg", "config.json", "preset", "[]", "config.json cannot be used: preset = []"),
]


@pytest.mark.parametrize(("name", "file", "place", "value", "sentence"), CORPUS)
def test_what_damage_has_found_is_refused_by_its_field(name, file, place, value, sentence, work):
    folder = work(name)
    rewrite(folder / file, place, value)
    match_checksums(folder, folder / file)
    read = resume_perception_run if name == "seg" else resume_agent_run
    said = read_safely(read, folder)
    assert sentence in said
    assert str(folder) in said


def rewrite(file, place, value):
    """Put a text of JSON in one place of a file; None removes what is there."""
    tree = json.loads(file.read_text())
    *parents, key = place.split("/")
    branch = tree
    for name in parents:
        branch = branch[int(name) if isinstance(branch, list) else name]
    key = int(key) if isinstance(branch, list) else key
    if value is None:
        del branch[key]
    elif place:
        branch[key] = "\ue000"
    file.write_text(json.dumps(tree).replace(json.dumps("\ue000"), value or "") if place else value)


def test_a_key_that_occurs_twice_is_refused(work):
    folder = work("dqn")
    file = folder / "config.json"
    file.write_text(file.read_text().replace('"steps"', '"seed": 3, "steps"', 1))
    assert "config.json is damaged: the entry 'seed' occurs twice" in read_safely(read_agent_run, folder)


def test_a_configuration_that_is_repeated_is_named(work, capsys):
    folder = work("dqn")
    rewrite(folder / "config.json", "preset", "{}")
    assert read_safely(repeat_run, folder) == "status 1"
    assert f"{folder / 'config.json'} cannot be used: preset = {{}}: expected a text" in capsys.readouterr().err


def test_a_link_that_leads_to_itself_is_no_run(work):
    folder = work("circuit")
    (folder / "config.json").symlink_to("config.json")
    assert "holds no run" in read_safely(report_runs, folder)


@pytest.mark.parametrize(
    "change",
    [
        "update trials set state='-1'",
        "update trial_params set param_value='x'",
        "alter table trial_params drop column param_value",
        "update study_user_attributes set value_json='[1]'",
    ],
)
def test_a_study_with_other_rows_is_refused_by_its_name(change, work):
    folder = work("study")
    with contextlib.closing(sqlite3.connect(folder / "study.sqlite3")) as base, base:
        base.execute(change)
    said = read_safely(search, folder)
    assert said.startswith(f"--study {folder / 'study.sqlite3'}")


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("places/a/time", "true", "'a' holds something that is no finite number"),
        ("places/a/time", "-1", "the time of 'a' is negative"),
        ("places/a/return", "NaN", "'a' holds something that is no finite number"),
        ("places/a/return", '"3"', "'a' holds something that is no finite number"),
        ("places/b/poses", "[[1, 2]]", "poses of 'b' are not lists of three numbers"),
        ("places/b/extra", "1", "'b' is not an object with return, time and poses"),
        ("places", "[]", "it is not an object with the format"),
    ],
)
def test_best_attempts_are_read_as_they_were_written(place, value, sentence, work):
    folder = work("scores")
    rewrite(folder / "best.json", place, value)
    with pytest.raises(UserError, match=f"no file of best attempts.*{sentence}"):
        BestFile(folder / "best.json")


def test_a_model_card_is_refused_with_the_name_of_its_file(work):
    file = work("seg") / "best/model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content.replace(rb"\"drivable\": [\"road\"]", rb"\"drivable\": [\"rxad\"]"))
    assert file.read_bytes() != content
    with pytest.raises(UserError, match=r"header of .*model.safetensors is damaged: Drivable must be"):
        load_model(file)


def test_rows_of_a_replay_buffer_that_no_buffer_writes_are_refused(work):
    folder = work("dqn")
    file = sorted((folder / "replay").glob("*.npy"))[-1]
    rows = np.load(file)
    rows["observation"][0, 0] = np.nan
    np.save(file, rows)
    match_checksums(folder, None)
    assert "holds an observation that is not finite" in read_safely(resume_agent_run, folder)


def test_weights_that_no_training_reaches_stop_it_as_diverged(work):
    folder = work("dqn")
    file = folder / "checkpoints/000000120/training.safetensors"
    tensors = load_file(file)
    save_file({name: 3e38 + 0 * t if "/target/" in name else t for name, t in tensors.items()}, file)
    match_checksums(folder, None)
    assert "so training stopped" in read_safely(resume_agent_run, folder)
