"""Environments as users write them, in ../shared/cases: each trains, with a warning where one is due, or is refused."""

import os
from pathlib import Path

import pytest

from rlkit.errors import UserError
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training import run as training_run
from rlkit.training.progress import PlainReporter

FOLDER = Path(os.environ.get("RLKIT_CASES", Path(__file__).parents[4] / "shared" / "cases"))
SMALL = {"learning_starts": "20", "batch_size": "8", "hidden": "8", "buffer_size": "100"}


class Listener(PlainReporter):
    def __init__(self, total):
        super().__init__(total, quiet=True)
        self.warned = []

    def warn(self, sentence):
        self.warned.append(sentence)


@pytest.fixture
def train(tmp_path):
    """Trains in an environment of the folder; returns what stopped it and the warnings."""

    def train(name, kwargs=None, *, steps=60, eval_freq=0, time_limit=None):
        file, _, title = name.partition(":")
        path = FOLDER / "environments" / f"{file}.py"
        if not path.is_file():
            pytest.skip(f"no {path}; RLKIT_CASES may name another folder with environments/")
        listeners = []
        run = training_run.train(
            f"{path}:{title}",
            steps=steps,
            num_envs=2,
            eval_freq=eval_freq,
            eval_episodes=1,
            settings=SMALL,
            env_kwargs=kwargs,
            run_dir=tmp_path / "run",
            time_limit=time_limit,
            reporter=lambda total: listeners.append(Listener(total)) or listeners[-1],
        )
        return run.stopped, listeners[0].warned

    return train


@pytest.mark.parametrize(
    ("name", "kwargs", "warning"),
    [
        ("action_mask_info:Env", {}, r"info['action_mask'] is ignored"),
        ("action_mask_info:DictMask", {}, r"info['action_mask'] is ignored"),
        ("image_out_of_bounds:Env", {}, "51 in the observation 'observation' is clipped to 0 to 1"),
        ("image_out_of_bounds:Env", {"scale": 1.0}, None),
        ("inf_obs:Env", {"kind": "e38", "every": 15}, None),
        ("plain_file_variants:ListObs", {}, None),
        ("plain_file_variants:TorchObs", {}, None),
        ("plain_file_variants:Positional", {"size": 3}, None),
        ("rgbd_bounds:Env", {}, None),
    ],
)
def test_these_train(name, kwargs, warning, train):
    stopped, warned = train(name, kwargs)
    assert stopped is None
    assert len(warned) == (warning is not None)
    assert warning is None or warning in warned[0]


@pytest.mark.parametrize(
    ("name", "kwargs", "sentence"),
    [
        ("action_mask_info:Env", {"strict": True}, "step raised ValueError: illegal move"),
        ("image_out_of_bounds:Env", {"nan": True}, "step 0: reset returned nan in the observation 'observation'"),
        ("inf_obs:Env", {"kind": "inf", "every": 15}, "step 14: the observation 'observation' is inf"),
        ("inf_obs:Env", {"kind": "ninf", "every": 15}, "step 14: the observation 'observation' is -inf"),
        ("inf_obs:Env", {"kind": "e300", "every": 15}, "step 14: the observation 'observation' is inf"),
        ("inf_obs:Env", {"kind": "nan", "every": 15}, "step 14: the observation 'observation' is nan"),
        ("plain_file_variants:FourTuple", {}, "returns 4 values from step, as in the old Gym"),
        ("plain_file_variants:OldReset", {}, "unexpected keyword argument 'seed'"),
        ("plain_file_variants:NoSeed", {}, "unexpected keyword argument 'seed'"),
        ("plain_file_variants:NoneInfo", {}, "step returned None as info, not a dict"),
        ("plain_file_variants:ArrReward", {}, r"step returned an array of shape \(1,\) as reward"),
        ("plain_file_variants:ArrDone", {}, r"step returned an array of shape \(1,\) as terminated"),
        ("plain_file_variants:StrReward", {}, "step returned '1' as reward"),
        ("plain_file_variants:NoneReward", {}, "step returned None as reward"),
        ("plain_file_variants:WrongShape", {}, r"step returned an observation of shape \(3,\), not \(2,\)"),
        ("plain_file_variants:Positional", {}, "missing 1 required positional argument: 'size'"),
        ("plain_file_variants:NotEnv", {}, "not a subclass of gymnasium.Env"),
        ("plain_file_variants:NoSpaces", {}, "no attribute 'observation_space'"),
        ("plain_file_variants:PzMulti", {}, "The action space .* is not supported"),
    ],
)
def test_these_are_refused_with_the_reason(name, kwargs, sentence, train):
    with pytest.raises(UserError, match=sentence):
        train(name, kwargs)


def test_an_evaluation_without_an_end_is_left_at_the_time_limit(train):
    assert train("never_ends:Env", eval_freq=30, time_limit=1)[0] == "time limit"


def test_spaces_that_changed_since_training_are_named(train, tmp_path, monkeypatch):
    train("changed_env:Env")
    path = f"{FOLDER / 'environments' / 'changed_env.py'}:Env"
    monkeypatch.setenv("N", "4")
    with pytest.raises(UserError, match="observation: vector of 3 then, vector of 4 now"):
        training_run.resume(tmp_path / "run", env=path, reporter=Listener)
    with pytest.raises(UserError, match=r"vector of 3 then, vector of 4 now|3.*4"):
        evaluate_policy(find_policy(tmp_path / "run", env=path), episodes=1)


def test_the_expert_stays_on_a_road_that_is_wide_to_one_side():
    path = FOLDER / "circuits" / "asym_3_12.csv"
    if not path.is_file():
        pytest.skip(f"no {path}; RLKIT_CASES may name another folder with circuits/")
    result = evaluate_policy(
        find_policy("expert", env="rlkit/Driving-v0", env_kwargs={"circuit": str(path)}), episodes=1
    )
    assert result.episodes[0]["finished"]
    assert result.episodes[0]["off_road_seconds"] == 0.0
