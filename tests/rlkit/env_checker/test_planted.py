"""Each planted fault is found, and found as what it is; a sound environment has none."""

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

# Environment: what must be found, and a piece of what must be said about it.
FAULTS = {
    "CannotBeMade": ("cannot-be-made", "no level at levels/1.txt"),
    "NeedsPackage": ("needs-package", "a_package_that_nobody_has"),
    "NeedsDisplay": ("needs-display", "cannot connect to X display"),
    "RaisesInReset": ("raises-in-reset", "reset(seed=3) raised KeyError: 'level'"),
    "RaisesLate": ("raises-in-step", "step 1,001 of the episode from seed 0 raised IndexError"),
    "ExitsInStep": ("raises-in-step", "SystemExit"),
    "OldApi": ("old-api", "4 values"),
    "ObservationAlone": ("reset-answer", "an array of shape (2,)"),
    "ThreeValues": ("step-answer", "3 values"),
    "TakesNoSeed": ("reset-arguments", "'seed'"),
    "InfoIsNone": ("info-type", "None"),
    "GivesList": ("observation-type", "a list"),
    "WrongShape": ("observation-shape", "(2, 1); its space promises (2,)"),
    "WrongDtype": ("observation-dtype", "float64; its space promises float32"),
    "OutOfBounds": ("observation-out-of-bounds", "beyond [-2, 2]"),
    "NotANumber": ("observation-not-finite", "step 5 of the episode from seed 0: the observation[1] is nan"),
    "RewardIsArray": ("reward-type", "an array of shape (1,)"),
    "RewardIsInfinite": ("reward-not-finite", "inf"),
    "RewardOutOfRange": ("reward-out-of-bounds", "the reward is 1; reward_range is (0, 0.5)"),
    "FlagsAreNumbers": ("end-type", "terminated is an int"),
    "ReusesObservation": ("observation-reused", "after the next step"),
    "IgnoresSeed": ("seed-not-reproduced", "the first observation: observation[0] is"),
    "SharesGlobalGenerator": ("seed-not-reproduced", "step 1: observation[0] is"),
    "DrawsGlobally": ("global-chance", "NumPy's global generator"),
    "LeaksOverReset": ("reset-leaks", "had played another episode before"),
    "IgnoresAction": ("actions-without-effect", "2 different actions"),
    "BadState": ("state-not-restored", "step 1: observation[0] is"),
    "Restless": ("no-end", "no episode ended in 1,200 steps"),
    "AlwaysSameLength": ("same-length", "all 30 episodes of random play were terminated in step 40"),
    "ResetsItself": ("resets-itself", "3 times of 3"),
    "OnlyCut": ("always-cut", "none terminated"),
    "TextActions": ("actions-unsupported", "Supported are Discrete"),
    "GraphObservations": ("observations-unsupported", "Text"),
    "BadMetadata": ("metadata-malformed", "'score' should have a dict"),
    "BadMirror": ("metadata-malformed", "'actions' should exchange 2 actions in pairs"),
    "MirrorOfWrongSign": ("mirror-differs", "seed 3, step 1: observation 'observation': 50 % of the values differ"),
    "MirrorOfSameActions": ("mirror-differs", "seed 3, step 1: observation 'observation': 50 % of the values differ"),
    "MirrorOfLopsidedPicture": ("mirror-differs", "seed 3, step 1: observation 'observation': 16.7 % of the values"),
    "MirrorPaysOneSide": ("mirror-differs", "in the mirror image instead of"),
    "MirrorNotOffered": ("mirror-not-verified", "options={'mirrored': True}) changes nothing"),
    "MirrorRefused": ("mirror-not-verified", "raised ValueError: no options are known"),
    "LargeValues": ("large-values", "observation[0] came to"),
    "DrawsNothing": ("rendering", "render() gave None"),
    "DrawsIntoWindow": ("rendering-needs-display", "No available video device"),
}
TIMED = {"LeaksMemory": "per step", "LeaksAtReset": "per reset"}


@pytest.fixture(autouse=True)
def briefly(monkeypatch):
    """Without a screen, as `rlkit check` runs them, and timed for a moment only."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(performance, "WINDOW", 0.15)
    monkeypatch.setattr(vectorization, "TIMED", 0.2)
    gc.freeze()  # garbage is sought between the windows: not among all that the tests have imported
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


def test_a_sound_environment_has_no_fault_and_nothing_is_left_out():
    report = look("Sound", timed=True)
    assert report.findings == ()
    assert report.skipped == ()
    assert report.passed
    assert report.facts["actions"] == ["left", "right"]
    assert report.facts["picture"] == [40, 60]
    assert report.facts["steps_per_second"] > 100
    assert report.facts["batch"] == 8
    assert report.facts["capabilities"] == ["action_names"]
    assert report.facts["random_play"]["terminated"] == report.facts["random_play"]["episodes"] > 10


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_told(name):
    expected, said = FAULTS[name]
    report = look(name)
    found = {finding.name: finding for finding in report.findings}
    assert expected in found
    assert said in found[expected].seen
    assert report.passed == all(finding.level != "fault" for finding in report.findings)


@pytest.mark.parametrize("name", [name for name, (kind, _) in FAULTS.items() if CATALOGUE[kind].level == "fault"])
def test_no_other_fault_is_seen_where_one_is_planted(name):
    assert {finding.name for finding in look(name).of("fault")} == {FAULTS[name][0]}


@pytest.mark.parametrize("name", ["Mirrored", "MirroredPicture"])
def test_a_mirror_that_is_right_is_no_fault_and_no_doubt(name):
    report = look(name)
    assert report.findings == ()
    assert "mirror" in report.facts["capabilities"]


def test_a_mirror_of_what_promises_nothing_is_not_verified(registered):
    report = examine(registered(single="MirrorOfWrongSign", nondeterministic=True), 300, timed=False)
    assert report.names() == {"mirror-not-verified"}


def test_a_batch_that_says_something_else_of_its_mirror_is_found(registered):
    (found,) = examine(registered("BatchOfMirrored", "Mirrored"), 300, timed=False).findings
    assert found.name == "vector-differs"
    assert "metadata['mirror'] is None instead of {'observation'" in found.seen


@pytest.mark.parametrize("name", TIMED)
def test_memory_that_grows_is_found(name):
    # In a process of its own, as `rlkit check` does it: what other tests have freed in this one would be used again.
    report = check_environment(f"{PLANTED}:{name}", steps=100)
    (found,) = [finding for finding in report.findings if finding.name == "memory-grows"]
    assert TIMED[name] in found.seen
    kilobytes = float(found.seen.rpartition(": ")[2].split(" kB")[0])
    assert kilobytes == pytest.approx(16, rel=0.2)


def test_what_only_gymnasium_asks_for_is_told_in_its_words():
    (found,) = look("SharesInfo").of("fault")
    assert found.name == "gymnasium"
    assert "infos returned by" in found.seen


def test_a_limit_that_is_told_as_an_end_is_found(registered):
    report = examine(registered(single="LimitAsEnd", max_episode_steps=50), timed=False)
    (found,) = report.of("fault")
    assert found.name == "limit-as-end"
    assert "40 episodes were terminated in step 50" in found.seen


def test_a_limit_of_the_registration_is_no_fault(registered):
    report = examine(registered(single="Restless", max_episode_steps=50), timed=False)
    assert report.findings == ()
    assert report.facts["random_play"]["truncated"] == 40


def test_a_batch_that_equals_single_environments_has_no_fault(registered):
    report = examine(registered("Batch"), 300, timed=True)
    assert report.findings == ()
    assert report.facts["batch"] == 32
    assert report.facts["batch_native"]


@pytest.mark.parametrize(
    ("kind", "expected", "said"),
    [
        ("BatchDiffers", "vector-differs", "place 1 of a batch of 3 (seed 12), step 0: observation[0] is"),
        ("BatchResetsAll", "vector-differs", "of a batch of 3"),
        ("BatchNotFresh", "not-fresh", "an earlier observation changed"),
        ("BatchFails", "vector-fails", "shapes do not match"),
        ("BatchResetsItself", "vector-resets-itself", "resets by itself (NextStep)"),
    ],
)
def test_a_batch_with_a_fault_is_found(registered, kind, expected, said):
    report = examine(registered(kind), 300, timed=False)
    assert report.names() == {expected}
    assert said in report.findings[0].seen


def test_an_environment_that_is_a_batch_only_is_examined_too():
    report = look("Batch", timed=True)
    assert report.passed
    assert report.facts["random_play"]["episodes"] > 10


def test_a_nondeterministic_environment_is_not_asked_to_reproduce(registered):
    assert examine(registered(single="IgnoresSeed", nondeterministic=True), 300, timed=False).passed


def test_states_that_are_restored_are_no_fault():
    report = look("Restorable")
    assert report.findings == ()
    assert report.facts["capabilities"] == ["action_names", "get_state", "set_state"]


def test_what_comes_after_an_environment_that_does_not_work_is_named():
    report = look("RaisesInReset")
    assert report.skipped[0] == "ends of episodes"
    assert "seeds" in report.skipped


def test_wrong_arguments_are_for_the_one_who_asks():
    with pytest.raises(UserError, match="takes no argument 'wind'") as caught:
        examine(EnvConfig(f"{PLANTED}:Sound", {"wind": 1}), 10, timed=False)
    assert caught.value.exit_code == 2


def test_every_kind_of_fault_in_the_catalogue_is_planted_somewhere():
    elsewhere = {"hangs", "crashes", "process-not-reproduced", "gymnasium-says", "one-episode"}  # in test_isolated.py
    planted = {name for name, _ in FAULTS.values()} | elsewhere
    planted |= {"memory-grows", "gymnasium", "limit-as-end", "not-fresh"}
    planted |= {"vector-differs", "vector-fails", "vector-resets-itself"}
    assert planted == set(CATALOGUE)
