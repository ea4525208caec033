"""Untrusted run folders are refused with an error: they run no code and change nothing outside of themselves.

Each test manipulates a copy of a real run.
"""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from rlkit.cli import main
from rlkit.env.make import check_arguments
from rlkit.errors import UserError
from rlkit.experiments.multi_seed import train_seeds
from rlkit.experiments.records import find_runs, read_run
from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.perception.networks import build_network
from rlkit.policy import evaluate_policy, find_policy
from rlkit.spaces import Classes
from rlkit.training import run as training_run
from rlkit.training.config import RunConfig, plan
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter
from rlkit.training.run_folder import RunFolder
from rlkit.utils.io import load_tensors, save_tensors, sha256

SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "80", "buffer_size": "240", "update_interval": "16"}
USUAL = {"deterministic": True, "eval_freq": 200, "eval_episodes": 2, "save_freq": 120}
MARK = "import pathlib\npathlib.Path('ran.txt').write_text('code from a file was run')\n"
MODULE = MARK + "import torch\nclass Net(torch.nn.Conv2d):\n    def __init__(self, n): super().__init__(3, n, 1)\n"


def quiet(total):
    return PlainReporter(total, quiet=True)


def rlkit(*arguments):
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return left.value.code


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A run that was stopped half way: 480 of 800 steps, with two checkpoints."""
    folder = tmp_path_factory.mktemp("original") / "run"
    config = plan("CartPole-v1", steps=800, settings=SETTINGS, num_envs=8, **USUAL)

    class Stop(PlainReporter):
        def progress(self, steps, figures):
            if steps >= 480:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlkit.training.trainer.REFRESH", 0)
        with pytest.raises(KeyboardInterrupt):
            training_run.start(config, run_dir=folder, reporter=lambda total: Stop(total, quiet=True))
    assert len(list((folder / "checkpoints").iterdir())) == 2
    return folder


@pytest.fixture
def run(half, tmp_path):
    shutil.copytree(half, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def mine(tmp_path):
    """The user's own folder, which nothing may change."""
    folder = tmp_path / "mine"
    for name in ("thesis.txt", "000000001/weights.safetensors", "segment-0.npy", "checkpoints/000000001/manifest.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("years of work")
    yield folder
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == sorted(
        ["thesis.txt", "000000001/weights.safetensors", "segment-0.npy", "checkpoints/000000001/manifest.json"]
    )
    assert {path.read_text() for path in folder.rglob("*") if path.is_file()} == {"years of work"}


def rewrite(file, change):
    tree = json.loads(file.read_text())
    change(tree)
    file.write_text(json.dumps(tree))


def resign(checkpoint):
    """Bring a manifest's digests up to date with what was written into the checkpoint."""

    def change(tree):
        tree["files"] = {name: sha256(checkpoint / name) for name in tree["files"]}

    rewrite(checkpoint / "manifest.json", change)


def newest(run):
    return max((run / "checkpoints").glob("[0-9]*"))


# --------------------------------------------------------------------------------------------------- rows 1, 3: code


@pytest.fixture(scope="module")
def camera_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("camera") / "run"
    training_run.train(
        "rlkit/DrivingCamera-v0",
        perception="truth",
        steps=64,
        num_envs=4,
        settings={"batch_size": "16", "hidden": "16", "learning_starts": "64"},
        eval_freq=0,
        run_dir=folder,
        reporter=quiet,
    )
    return folder


def test_a_network_that_a_run_names_is_not_imported(camera_run, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    shutil.copytree(camera_run, run)
    (tmp_path / "my_mod.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    for module in ("window", "play_window"):
        monkeypatch.setattr(f"rlkit.viewer.{module}.has_display", lambda: True)
    (run / "perception").mkdir()
    classes = Classes(("grass", "road"), ("road",))
    network = torch.nn.Conv2d(3, 2, 1)
    SegmentationModel(network, ModelCard("my_mod:Net", classes, (32, 48))).save(run / "perception/model.safetensors")

    def change(tree):
        for name in ("environment", "evaluation"):
            tree[name]["perception"] |= {"what": "perception/model.safetensors", "digest": "", "network": "my_mod:Net"}

    rewrite(run / "config.json", change)
    for command in (
        ["evaluate", run, "--episodes", 1],
        ["watch", run],
        ["train", "--resume", run, "-q"],
        ["train", "--config", run / "config.json", "--run-dir", "again", "-q"],
    ):
        assert rlkit(*command) in (1, 2), command
        assert "names the code of a network" in capsys.readouterr().err
    rewrite(
        run / "config.json", lambda tree: [tree[k]["perception"].pop("network") for k in ("environment", "evaluation")]
    )
    model = run / "perception/model.safetensors"
    for command in (
        ["evaluate", run, "--episodes", 1],
        ["train", "--resume", run, "-q"],
        ["train", "--config", run / "config.json", "--run-dir", "again", "-q"],
        ["train", "rlkit/DrivingCamera-v0", "--perception", model, "--run-dir", "again", "-q"],
        ["play", "rlkit/DrivingCamera-v0", "--perception", model],
        ["perception", "predict", model, "--data", "sim", "--out", "sheet.png"],
        ["perception", "predict", model, "--network", "other:Net", "--out", "sheet.png"],
        ["perception", "evaluate", model, "--data", "sim", "--num-images", 1],
        ["perception", "export", model],
        ["perception", "train", "--init", model, "--steps", 1, "--run-dir", "again", "-q"],
        ["perception", "train", "--init", model, "--network", "other:Net", "--steps", 1, "--run-dir", "again", "-q"],
    ):
        assert rlkit(*command) in (1, 2), command
        said = capsys.readouterr().err
        assert "my_mod:Net" in said or "other" in said
        if "other:Net" not in command:  # the option that this command has
            hint = "--network my_mod:Net" if command[0] == "perception" else "--perception-kwargs network=my_mod:Net"
            assert said.rstrip().endswith(f"If you trust it, add: {hint}"), command
    assert not (tmp_path / "ran.txt").exists()
    assert "my_mod" not in sys.modules


def test_an_environment_that_a_configuration_names_is_imported_only_if_it_is_typed(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_envs.py").write_text(
        MARK + "from gymnasium.envs.classic_control.cartpole import CartPoleEnv as Cart\n"
    )
    monkeypatch.chdir(tmp_path)

    def change(tree):
        tree["environment"]["id"] = tree["evaluation"]["id"] = "my_envs:Cart"

    rewrite(run / "config.json", change)
    config = run / "config.json"
    for command in (["--config", config, "--run-dir", "again"], ["--resume", run]):
        assert rlkit("train", *command, "-q") == 2
        assert "rlkit train my_envs:Cart" in capsys.readouterr().err
    for command in (["evaluate", run], ["watch", run, "--record", "film.gif"]):
        assert rlkit(*command) == 2
        assert "--env my_envs:Cart" in capsys.readouterr().err
    assert not (tmp_path / "ran.txt").exists()
    main(["train", "my_envs:Cart", "--config", str(config), "--run-dir", "again", "--steps", "100", "-q"])
    assert (tmp_path / "ran.txt").exists()
    assert rlkit("train", "CartPole-v1", "--config", config, "--run-dir", "another", "-q") == 2
    assert "cannot continue in CartPole-v1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "value",
    ["my_mod.Car", "my_mod:Car", {"deep": ["x", {"other_vehicles_type": "my_mod.sub.Car"}]}, "cars/mine.py:Car"],
)
def test_arguments_from_a_file_that_name_code_have_to_be_typed(run, value, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_mod.py").write_text(MARK)
    monkeypatch.chdir(tmp_path)

    def change(tree):
        tree["environment"]["kwargs"] = tree["evaluation"]["kwargs"] = {"car": value}

    rewrite(run / "config.json", change)
    config = run / "config.json"
    for command in (
        ["evaluate", run],
        ["watch", run, "--record", "film.gif"],
        ["train", "--resume", run, "-q"],
        ["train", "--config", config, "--run-dir", "again", "-q"],
    ):
        assert rlkit(*command) in (1, 2), command
        said = capsys.readouterr().err
        assert "names code" in said
        assert "--env-kwargs" in said
        assert "pip install" not in said
    typed = ["--env-kwargs", f"car={value if isinstance(value, str) else json.dumps(value)}"]
    assert rlkit("train", "--resume", run, "-q", *typed) in (1, 2)
    assert "takes no argument 'car'" in capsys.readouterr().err  # it was trusted, and CartPole has none
    assert not (tmp_path / "ran.txt").exists()


def test_words_and_files_of_data_are_no_code(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def change(tree):
        tree["evaluation"]["kwargs"] = {"max_episode_steps": 5}

    rewrite(run / "config.json", change)
    assert evaluate_policy(find_policy(run), episodes=1).episodes[0]["length"] <= 5
    assert check_arguments(read_run(run).config.evaluation, {}) is None


def test_a_package_that_a_file_names_is_not_advised_to_be_installed(tmp_path, monkeypatch, capsys):
    (tmp_path / "lazy.py").write_text(
        "import gymnasium, importlib\n"
        "class Env(gymnasium.Env):\n"
        "    def __init__(self, car='', render_mode=None):\n"
        "        importlib.import_module(car.rpartition('.')[0])\n"
    )
    monkeypatch.chdir(tmp_path)
    assert rlkit("train", "lazy.py:Env", "--env-kwargs", "car=evil_package.Car", "--run-dir", "run", "-q") == 1
    said = capsys.readouterr().err
    assert "evil_package" in said
    assert "pip install" not in said


def test_the_window_beside_training_imports_nothing_from_the_current_folder(tmp_path, monkeypatch):
    started = []
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("rlkit.viewer.has_display", lambda: True)
        patch.setattr(subprocess, "Popen", lambda command, **_: started.append(command))
        main(["train", "CartPole-v1", "--steps", "100", "--watch", "-q", "--run-dir", "run", "--eval-freq", "0"])
    (command,) = started
    (tmp_path / "tyro.py").write_text(MARK)
    done = subprocess.run([*command[: command.index("watch")], "--help"], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    assert not (tmp_path / "ran.txt").exists()


# ------------------------------------------------------------------------------------------------------- row 2: links


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (".lock", "thesis.txt"),
        ("metrics.jsonl", "thesis.txt"),
        (".unfinished-metrics.jsonl", "thesis.txt"),
        ("replay", ""),
        ("checkpoints", ""),
        ("best", ""),
        ("videos", ""),
        ("replay/.unfinished-array.npy", "thesis.txt"),
        ("checkpoints/000000001", "checkpoints/000000001"),
    ],
)
@pytest.mark.parametrize("absolute", [True, False])
def test_links_out_of_a_run_are_refused_before_anything_is_written(run, mine, name, target, absolute, tmp_path):
    place = run / name
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    aim = mine / target
    place.symlink_to(aim if absolute else os.path.relpath(aim, place.parent))
    with pytest.raises(UserError, match="symbolic link"):
        training_run.resume(run, reporter=quiet)


def test_a_film_is_not_written_through_a_link(run, mine, tmp_path, monkeypatch, capsys):
    (run / "videos").symlink_to(mine)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert rlkit("watch", run) == 1
    assert "symbolic link" in capsys.readouterr().err


def test_hard_links_in_a_run_keep_their_other_names_content(run, mine):
    for name in (".lock", ".unfinished-metrics.jsonl", "checkpoints/.unfinished-x", "replay/.unfinished-array.npy"):
        (run / name).unlink(missing_ok=True)
        (run / name).hardlink_to(mine / "thesis.txt")
    assert training_run.resume(run, reporter=quiet).steps == 800


@pytest.mark.parametrize("name", ["../../../mine/thesis.txt", "/etc/hostname", "a\nb", "..\\x", "C:x", "sub/x"])
@pytest.mark.parametrize("entry", ["files", "replay"])
def test_paths_in_a_manifest_that_lead_elsewhere_make_it_a_damaged_one(run, name, entry, mine):
    def change(tree):
        if entry == "files":
            tree["files"][name] = "0" * 64
        else:
            tree["replay"][0]["file"] = name

    for checkpoint in (run / "checkpoints").iterdir():
        rewrite(checkpoint / "manifest.json", change)
    with pytest.raises(UserError, match=r"no checkpoint in .* is intact"):
        training_run.resume(run, reporter=quiet)


@pytest.mark.parametrize("what", ["../mine/thesis.txt", "/etc/hostname", "perception/../../x", "C:\\x"])
def test_a_model_of_perception_lies_in_the_run(camera_run, what, tmp_path):
    shutil.copytree(camera_run, tmp_path / "run")
    rewrite(tmp_path / "run/config.json", lambda tree: tree["evaluation"]["perception"].update(what=what))
    with pytest.raises(UserError, match="path"):
        find_policy(tmp_path / "run")


# ------------------------------------------------------------------------------------------ row 4: damaged checkpoints


def spoil(checkpoint):
    (checkpoint / "weights.safetensors").write_bytes(b"spoilt")


def test_where_no_checkpoint_is_intact_nothing_is_touched(run):
    for checkpoint in (run / "checkpoints").iterdir():
        spoil(checkpoint)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    with pytest.raises(UserError, match=r"no checkpoint in .* is intact .*nothing was changed"):
        training_run.resume(run, reporter=quiet)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"} == before


def test_a_damaged_newest_checkpoint_is_set_aside_and_written_anew(run):
    damaged = newest(run)
    spoil(damaged)
    assert training_run.resume(run, reporter=quiet).steps == 800
    aside = damaged.with_name(f"damaged-{damaged.name}")
    assert (aside / "weights.safetensors").read_bytes() == b"spoilt"
    kept = sorted(path.name for path in (run / "checkpoints").glob("[0-9]*"))
    assert kept == ["000000720", "000000800"]
    assert read_metrics(run)[-1]["steps"] == 800


def test_a_damaged_last_checkpoint_is_no_end_of_a_run(run):
    training_run.resume(run, reporter=quiet)
    spoil(run / "checkpoints/000000800")
    config = read_run(run).config
    run.rename(run.with_name("s0"))
    (done,) = train_seeds(config, [0], folder=run.parent, reporter=quiet, say=lambda _: None)
    assert done.steps == 800
    again = RunFolder.open(run.parent / "s0", RunConfig).checkpoints.newest(pytest.fail)
    assert again is not None
    assert again.steps == 800


def test_checkpoints_that_cannot_be_listed_are_not_taken_for_none(run):
    log = (run / "metrics.jsonl").read_bytes()
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").write_text("no folder")
    for use in (lambda: training_run.resume(run, reporter=quiet), lambda: read_run(run)):
        with pytest.raises(UserError, match="cannot be read"):
            use()
    assert (run / "metrics.jsonl").read_bytes() == log


def test_a_log_is_not_cut_where_the_checkpoints_are_gone(run):
    log = (run / "metrics.jsonl").read_bytes()
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match="no checkpoint any more"):
        training_run.resume(run, reporter=quiet)
    assert (run / "metrics.jsonl").read_bytes() == log


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(run, value):
    for checkpoint in [*(run / "checkpoints").iterdir(), *(run / "best").iterdir()]:
        weights = load_tensors(checkpoint / "weights.safetensors")
        save_tensors(checkpoint / "weights.safetensors", {k: torch.full_like(v, value) for k, v in weights.items()})
        resign(checkpoint)
    with pytest.raises(UserError, match="not finite"):
        evaluate_policy(find_policy(run), episodes=1)
    with pytest.raises(UserError, match="not finite"):
        training_run.resume(run, reporter=quiet)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.pop("loop"),
        lambda tree: tree["loop"].pop("episodes"),
        lambda tree: tree["loop"].update(steps="many"),
        lambda tree: tree["loop"].update(latest=[1]),
        lambda tree: tree["loop"]["episodes"].update(numbers=[1]),
        lambda tree: tree["loop"]["episodes"].update(recent=["x"]),
        lambda tree: tree["loop"]["episodes"]["actions"].update({"0": {"$array": "nowhere"}}),
        lambda tree: tree["replay"].update(written=10**30),
        lambda tree: tree["replay"].update(last=[10**30] * 8),
        lambda tree: tree["replay"].update(generator={"bit_generator": "os.system"}),
        lambda tree: tree["agent"].clear(),
    ],
)
def test_a_state_of_another_form_is_a_sentence(run, change):
    for checkpoint in (run / "checkpoints").iterdir():
        rewrite(checkpoint / "training.json", change)
        resign(checkpoint)
    with pytest.raises(UserError, match=r"damaged|does not fit"):
        training_run.resume(run, reporter=quiet)


# ---------------------------------------------------------------------------------------------- row 6: memory and time


HEADERS = [
    {"descr": "<f8", "fortran_order": False, "shape": (10**12,)},
    {"descr": "|V1000000000", "fortran_order": False, "shape": (2,)},
    {"descr": "<f8", "fortran_order": True, "shape": (10**6, 10**6)},
    {"descr": "|O", "fortran_order": False, "shape": (3,)},
    {"descr": "<f8", "fortran_order": False, "shape": (-1,)},
    {"descr": [("a", "<f8", (10**9,))], "fortran_order": False, "shape": (1,)},
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_rows_of_the_replay_buffer_that_claim_too_much_are_refused(run, header):
    for checkpoint in (run / "checkpoints").iterdir():
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        for segment in manifest["replay"]:
            file = run / "replay" / segment["file"]
            with file.open("wb") as out:
                np.lib.format.write_array_header_2_0(out, header)
                out.write(b"\0" * 100)
            segment["sha256"] = sha256(file)
        (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="damaged"):
        training_run.resume(run, reporter=quiet)


def test_networks_that_are_larger_than_their_weights_are_not_built(run):
    rewrite(run / "config.json", lambda tree: tree["hyperparameters"].update(hidden=[8192, 8192]))
    with pytest.raises(UserError, match=r"does not fit the agent that config\.json describes"):
        evaluate_policy(find_policy(run), episodes=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eval_episodes", 10**30),
        ("num_envs", 10**9),
        ("steps", 10**40),
        ("seed", 2**70),
        ("save_freq", True),
        ("eval_freq", 1.5),
        ("steps", "1000"),
        ("deterministic", "yes"),
        ("device", "cuda:../x"),
        ("algorithm", ["dqn"]),
        ("preset", None),
        ("hyperparameters", [1]),
        ("versions", {"torch": 2}),
    ],
)
def test_numbers_that_no_run_can_have_are_refused(run, name, value):
    rewrite(run / "config.json", lambda tree: tree.update({name: value}))
    for use in (lambda: read_run(run), lambda: training_run.resume(run, reporter=quiet), lambda: find_policy(run)):
        with pytest.raises(UserError, match=r"config\.json cannot be used: .*expected"):
            use()


def test_a_pipe_in_place_of_a_log_is_refused_at_once(run, capsys):
    (run / "metrics.jsonl").unlink()
    os.mkfifo(run / "metrics.jsonl")
    assert rlkit("report", run) == 1
    assert "not a regular file" in capsys.readouterr().err
    with pytest.raises(UserError, match="a pipe"):
        training_run.resume(run, reporter=quiet)


def test_lines_of_a_log_that_are_no_records_are_passed_over(run):
    good = {"steps": 480, "seconds": 2.0, "eval/mean_reward": 5.0}
    odd = [
        {"steps": 480, "seconds": "x"},
        {"steps": -1, "seconds": 1.0},
        {"steps": 10**40, "seconds": 1.0},
        {"steps": True, "seconds": 1.0},
        {"seconds": 1.0},
        [1],
        {**good, "eval/lap\x1b[2J": 1.0, "a": "text", "b": [1], "c": float("nan"), "d": 10**400},
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in odd) + "[" * 100_000)
    assert read_metrics(run) == [good]


# ------------------------------------------------------------------------------------------------ row 3: the terminal


@pytest.mark.parametrize("place", ["version", "id", "kwargs"])
def test_names_do_not_steer_the_terminal(run, place, capsys):
    def change(tree):
        if place == "version":
            tree["versions"]["torch"] = "\x1b]0;owned\x07"
        elif place == "id":
            tree["environment"]["id"] = "Cart\x9b31mPole-v1"
        else:
            tree["environment"]["kwargs"] = {"a": "\u202egnp"}

    rewrite(run / "config.json", change)
    assert rlkit("report", run) == 1
    said = capsys.readouterr()
    assert "control characters" in said.err
    assert not set("\x1b\x07\x9b\u202e") & set(said.err + said.out)


def test_folders_names_do_not_steer_the_terminal(run, capsys):
    odd = run.with_name("run\x1b[2J[bold]")
    run.rename(odd)
    twin = odd.with_name("run\x1b]0;x\x07")
    shutil.copytree(odd, twin)
    main(["report", str(odd), str(twin)])
    rlkit("report", odd.parent / "nothing\x1b[2J")
    said = capsys.readouterr()
    assert "\\x1b" in said.out
    assert "\\x1b" in said.err
    assert "\x1b" not in said.out + said.err


def test_texts_of_a_run_are_no_formulas_in_a_plot(run, tmp_path, monkeypatch):
    (run / "metrics.jsonl").write_text(json.dumps({"steps": 400, "seconds": 1.0, r"eval/$\frac{$": 1.0}) + "\n")
    rewrite(run / "config.json", lambda tree: tree.update(preset=r"$\bad{$"))
    monkeypatch.chdir(tmp_path)
    main(["plot", str(run), "--out", "curves.svg", "--metric", r"eval/$\frac{$"])
    assert (tmp_path / "curves.svg").stat().st_size > 1000


def test_a_report_in_markdown_takes_no_markup_from_names(run, capsys):
    rewrite(run / "config.json", lambda tree: tree.update(preset="<script>x</script>|`[a](b)\n# big"))
    main(["report", str(run), "--markdown"])
    table = capsys.readouterr().out.split("\n\n")[0].strip().splitlines()
    assert len(table) == 3
    assert "<script>" not in table[2].replace("\\<", "")


def test_runs_that_are_links_to_elsewhere_are_still_reported(run, tmp_path):
    (tmp_path / "linked").symlink_to(run)
    assert [found.path for found in find_runs([tmp_path / "linked"])] == [tmp_path / "linked"]


def test_a_network_of_ones_own_is_used_where_it_is_typed(tmp_path, monkeypatch):
    (tmp_path / "own_net.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    classes = Classes(("grass", "road"), ("road",))
    network = build_network("own_net:Net", 2, allow_code=True)
    SegmentationModel(network, ModelCard("own_net:Net", classes, (32, 48))).save(tmp_path / "model.safetensors")
    main(
        [
            "perception",
            "predict",
            "model.safetensors",
            "--network",
            "own_net:Net",
            "--data",
            "sim",
            "--out",
            "sheet.png",
        ]
    )
    assert (tmp_path / "sheet.png").exists()
