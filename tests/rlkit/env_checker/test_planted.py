"""Each planted error is found, and no other; a sound environment has none."""

import functools
import gc
from pathlib import Path

import gymnasium
import pytest

from rlkit.env.config import EnvConfig
from rlkit.env.registry import find_spec
from rlkit.env_checker import performance, vectorization
from rlkit.env_checker.issues import CATALOGUE
from rlkit.env_checker.process import check_environment
from rlkit.env_checker.runner import examine
from rlkit.errors import UserError

PLANTED = Path(__file__).with_name("planted.py")

# Environment: the issue that must be found, and a part of its message.
PLANTED_ISSUES = {
    "CannotBeMade": ("cannot-be-made", "no level at levels/1.txt"),
    "NeedsPackage": ("needs-package", "a_package_that_nobody_has"),
    "NeedsDisplay": ("needs-display", "cannot connect to X display"),
    "RaisesInReset": ("raises-in-reset", "reset(seed=3) raised KeyError: 'level'"),
    "RaisesLate": ("raises-in-step", "step 1,001 of the episode from seed 0 raised IndexError"),
    "ExitsInStep": ("raises-in-step", "SystemExit"),
    "OldApi": ("old-api", "4 values"),
    "ObservationAlone": ("reset-result", "an array of shape (2,)"),
    "ThreeValues": ("step-result", "3 values"),
    "TakesNoSeed": ("reset-arguments", "'seed'"),
    "InfoIsNone": ("info-type", "None"),
    "GivesList": ("observation-type", "a list"),
    "WrongShape": ("observation-shape", "(2, 1); its space has (2,)"),
    "WrongDtype": ("observation-dtype", "float64; its space has float32"),
    "OutOfBounds": ("observation-out-of-bounds", "beyond [-2, 2]"),
    "NotANumber": ("observation-not-finite", "step 5 of the episode from seed 0: the observation[1] is nan"),
    "RewardIsArray": ("reward-type", "an array of shape (1,)"),
    "RewardIsInfinite": ("reward-not-finite", "inf"),
    "RewardOutOfRange": ("reward-out-of-bounds", "the reward is 1; reward_range is (0, 0.5)"),
    "FlagsAreNumbers": ("flag-type", "terminated is an int"),
    "ReusesObservation": ("observation-reused", "after the next step"),
    "IgnoresSeed": ("seed-not-reproduced", "the first observation: observation[0] is"),
    "SharesGlobalGenerator": ("seed-not-reproduced", "step 1: observation[0] is"),
    "DrawsGlobally": ("global-randomness", "NumPy's global generator"),
    "LeaksOverReset": ("reset-leaks", "after another episode in the same environment"),
    "IgnoresAction": ("actions-without-effect", "2 different actions"),
    "BadState": ("state-not-restored", "step 1: observation[0] is"),
    "Restless": ("no-end", "no episode ended in 1,200 steps"),
    "AlwaysSameLength": ("same-length", "all 30 episodes of random play were terminated in step 40"),
    "ResetsItself": ("autoreset", "3 times of 3"),
    "OnlyCut": ("always-truncated", "none terminated"),
    "TextActions": ("actions-unsupported", "Supported are Discrete"),
    "GraphObservations": ("observations-unsupported", "Text"),
    "BadMetadata": ("metadata-malformed", "'score' should have a dict"),
    "BadMirror": ("metadata-malformed", "'actions' should exchange 2 actions in pairs"),
    "MirrorOfWrongSign": ("mirror-differs", "seed 3, step 1: observation 'observation': 50 % of the values differ"),
    "MirrorOfSameActions": ("mirror-differs", "seed 3, step 1: observation 'observation': 50 % of the values differ"),
    "MirrorOfLopsidedPicture": ("mirror-differs", "seed 3, step 1: observation 'observation': 16.7 % of the values"),
    "MirrorPaysOneSide": ("mirror-differs", "in the mirror image instead of"),
    "MirrorNotOffered": ("mirror-not-verified", "options={'mirrored': True}) has no effect"),
    "MirrorRefused": ("mirror-not-verified", "raised ValueError: no options are known"),
    "LargeValues": ("large-values", "observation[0] is"),
    "DrawsNothing": ("rendering", "render() returned None"),
    "DrawsIntoWindow": ("rendering-needs-display", "No available video device"),
}
TIMED = {"LeaksMemory": "per step", "LeaksAtReset": "per reset"}


@pytest.fixture(autouse=True)
def briefly(monkeypatch):
    """Without a display, as in `rlkit check`, and with short timing."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(performance, "WINDOW", 0.15)
    monkeypatch.setattr(vectorization, "TIMED", 0.2)
    gc.freeze()  # the checker collects garbage often; skip what the tests have imported
    yield
    gc.unfreeze()


@functools.cache
def look(name, timed=False):
    return examine(EnvConfig(f"{PLANTED}:{name}"), 1_200, timed=timed)


@pytest.fixture
def registered():
    """Register a single environment of the file and a batch of another kind under one id, for one test."""

    def register(vector=None, single="Sound", **settings):
        settings["entry_point"] = find_spec(f"{PLANTED}:{single}").entry_point
        if vector is not None:
            settings["vector_entry_point"] = find_spec(f"{PLANTED}:{vector}").vector_entry_point
        gymnasium.register("planted/Toy-v0", **settings)
        return EnvConfig("planted/Toy-v0")

    yield register
    gymnasium.registry.pop("planted/Toy-v0", None)


def test_a_sound_environment_has_no_issue_and_nothing_is_skipped():
    report = look("Sound", timed=True)
    assert report.issues == ()
    assert report.skipped == ()
    assert report.passed
    assert report.facts["actions"] == ["left", "right"]
    assert report.facts["image"] == [40, 60]
    assert report.facts["steps_per_second"] > 100
    assert report.facts["batch"] == 8
    assert report.facts["capabilities"] == ["action_names"]
    assert report.facts["random_play"]["terminated"] == report.facts["random_play"]["episodes"] > 10


@pytest.mark.parametrize("name", PLANTED_ISSUES)
def test_a_planted_issue_is_found(name):
    expected, message = PLANTED_ISSUES[name]
    report = look(name)
    issues = {issue.name: issue for issue in report.issues}
    assert expected in issues
    assert message in issues[expected].message
    assert report.passed == all(issue.level != "error" for issue in report.issues)


@pytest.mark.parametrize(
    "name", [name for name, (kind, _) in PLANTED_ISSUES.items() if CATALOGUE[kind].level == "error"]
)
def test_no_error_is_found_but_the_planted_one(name):
    assert {issue.name for issue in look(name).of("error")} == {PLANTED_ISSUES[name][0]}


@pytest.mark.parametrize("name", ["Mirrored", "MirroredPicture"])
def test_a_correct_mirror_is_no_issue(name):
    report = look(name)
    assert report.issues == ()
    assert "mirror" in report.facts["capabilities"]


def test_the_mirror_of_a_nondeterministic_environment_is_not_verified(registered):
    report = examine(registered(single="MirrorOfWrongSign", nondeterministic=True), 300, timed=False)
    assert report.names() == {"mirror-not-verified"}


def test_a_batch_that_declares_another_mirror_is_found(registered):
    (issue,) = examine(registered("BatchOfMirrored", "Mirrored"), 300, timed=False).issues
    assert issue.name == "vector-differs"
    assert "metadata['mirror'] is None instead of {'observation'" in issue.message


@pytest.mark.parametrize("name", TIMED)
def test_memory_that_grows_is_found(name):
    # In another process: memory that other tests have freed would be reused in this one.
    report = check_environment(f"{PLANTED}:{name}", steps=100)
    (issue,) = [issue for issue in report.issues if issue.name == "memory-grows"]
    assert TIMED[name] in issue.message
    kilobytes = float(issue.message.rpartition(": ")[2].split(" kB")[0])
    assert kilobytes == pytest.approx(16, rel=0.2)


def test_an_error_of_gymnasiums_checker_is_reported_with_its_message():
    (issue,) = look("SharesInfo").of("error")
    assert issue.name == "gymnasium"
    assert "infos returned by" in issue.message


def test_a_limit_that_is_reported_as_termination_is_found(registered):
    report = examine(registered(single="LimitAsEnd", max_episode_steps=50), timed=False)
    (issue,) = report.of("error")
    assert issue.name == "limit-as-termination"
    assert "40 episodes were terminated in step 50" in issue.message


def test_a_limit_of_the_registration_is_no_issue(registered):
    report = examine(registered(single="Restless", max_episode_steps=50), timed=False)
    assert report.issues == ()
    assert report.facts["random_play"]["truncated"] == 40


def test_a_batch_that_equals_single_environments_has_no_issue(registered):
    report = examine(registered("Batch"), 300, timed=True)
    assert report.issues == ()
    assert report.facts["batch"] == 32
    assert report.facts["batch_native"]


@pytest.mark.parametrize(
    ("kind", "expected", "message"),
    [
        ("BatchDiffers", "vector-differs", "index 1 of a batch of 3 (seed 12), step 0: observation[0] is"),
        ("BatchResetsAll", "vector-differs", "of a batch of 3"),
        ("BatchNotFresh", "not-fresh", "an earlier observation changed"),
        ("BatchFails", "vector-fails", "shapes do not match"),
        ("BatchResetsItself", "vector-autoreset", "resets by itself (NextStep)"),
    ],
)
def test_an_error_in_a_batch_is_found(registered, kind, expected, message):
    report = examine(registered(kind), 300, timed=False)
    assert report.names() == {expected}
    assert message in report.issues[0].message


def test_an_environment_that_is_only_a_batch_is_checked_too():
    report = look("Batch", timed=True)
    assert report.passed
    assert report.facts["random_play"]["episodes"] > 10


def test_a_nondeterministic_environment_need_not_be_reproducible(registered):
    assert examine(registered(single="IgnoresSeed", nondeterministic=True), 300, timed=False).passed


def test_states_that_are_restored_are_no_issue():
    report = look("Restorable")
    assert report.issues == ()
    assert report.facts["capabilities"] == ["action_names", "get_state", "set_state"]


def test_checks_after_a_failure_are_listed_as_skipped():
    report = look("RaisesInReset")
    assert report.skipped[0] == "ends of episodes"
    assert "seeds" in report.skipped


def test_wrong_arguments_are_a_usage_error():
    with pytest.raises(UserError, match="takes no argument 'wind'") as caught:
        examine(EnvConfig(f"{PLANTED}:Sound", {"wind": 1}), 10, timed=False)
    assert caught.value.exit_code == 2


def test_every_kind_of_issue_is_planted_somewhere():
    elsewhere = {
        "hangs",
        "crashes",
        "process-not-reproduced",
        "gymnasium-warning",
        "one-episode",
    }  # in test_process.py
    planted = {name for name, _ in PLANTED_ISSUES.values()} | elsewhere
    planted |= {"memory-grows", "gymnasium", "limit-as-termination", "not-fresh"}
    planted |= {"vector-differs", "vector-fails", "vector-autoreset"}
    assert planted == set(CATALOGUE)
