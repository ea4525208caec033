import pytest
from rlkit_envs.atari.config import PROTOCOLS, AtariConfig, Protocol


def test_the_default_is_the_protocol_of_machado():
    assert AtariConfig().rules == Protocol(0.25, True, 0, False, False)
    assert AtariConfig(training=True).rules == AtariConfig().rules


def test_the_dqn_protocol_ends_episodes_with_lives_only_in_training():
    assert AtariConfig(protocol="dqn").rules == Protocol(0.0, False, 30, True, False)
    assert AtariConfig(protocol="dqn", training=True).rules == PROTOCOLS["dqn"]
    assert not AtariConfig(protocol="dqn", training=True, episodic_life=False).rules.episodic_life


def test_single_arguments_override_the_protocol():
    rules = AtariConfig(protocol="dqn", repeat_action_probability=0.1, full_action_space=True, episodic_life=True).rules
    assert rules == Protocol(0.1, True, 30, True, True)
    assert AtariConfig(full_action_space=False).rules.repeat_action_probability == 0.25


def test_the_earlier_limit_holds():
    assert AtariConfig().step_limit == 27_000
    assert AtariConfig(frameskip=5, max_num_frames_per_episode=11).step_limit == 3
    assert AtariConfig(max_episode_steps=100).step_limit == 100
    assert AtariConfig(max_episode_steps=100_000).step_limit == 27_000


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"protocol": "nature"}, "protocol.*machado, dqn.*'nature'"),
        ({"obs_type": "ram"}, "obs_type"),
        ({"repeat_action_probability": 1.5}, "repeat_action_probability.*1.5"),
        ({"frameskip": 0}, "frameskip.*at least 1"),
        ({"noop_max": -1}, "noop_max.*at least 0"),
        ({"img_height": 84.0}, "img_height.*84.0"),
        ({"img_height": 1_025}, "img_height.*at most 1,024, not 1025"),
        ({"img_width": 10**9}, "img_width.*at most 1,024"),
        ({"frameskip": 10**9}, "frameskip.*at most 1,000"),
        ({"frameskip": True}, "frameskip"),
        ({"frameskip": None}, "frameskip"),
        ({"noop_max": 10**9}, "noop_max.*at most 1,000"),
        ({"max_episode_steps": 10**400}, "max_episode_steps.*at most"),
        ({"max_num_frames_per_episode": 2**40}, "max_num_frames_per_episode.*at most"),
        ({"repeat_action_probability": float("nan")}, "repeat_action_probability"),
        ({"repeat_action_probability": "often"}, "repeat_action_probability"),
        ({"repeat_action_probability": True}, "repeat_action_probability"),
        ({"protocol": ["dqn"]}, "protocol"),
        ({"obs_type": ["rgb"]}, "obs_type"),
        ({"training": "yes"}, "training should be true or false, not 'yes'"),
        ({"episodic_life": 1}, "episodic_life should be true or false"),
    ],
)
def test_a_value_out_of_range_is_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        AtariConfig(**wrong)
