import dataclasses
import json

import pytest

from rlkit.cli import main
from rlkit.cli.presets import differences, preset_columns
from rlkit.plugins import agent_class


def test_verbose_lists_every_preset_and_only_what_it_changes(capsys):
    main(["agents", "dqn", "--verbose", "--json"])
    told = json.loads(capsys.readouterr().out)
    agent = agent_class("dqn")
    assert {name.split()[0] for name in told["presets"]} == set(agent.presets)
    for name, config in preset_columns(agent).items():
        listed = {
            key: tuple(value) if isinstance(value, list) else value for key, value in told["presets"][name].items()
        }
        assert listed == differences(config)
        assert agent.Config(**listed) == config
        assert all(listed[key] != field.default for key, field in _fields(agent) if key in listed)


def _fields(agent):
    return [(field.name, field) for field in dataclasses.fields(agent.Config)]


@pytest.mark.parametrize("width", [60, 100, 250])
def test_the_table_fits_the_terminal_and_misses_no_preset(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    main(["agents", "dqn", "--verbose"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    rates = " ".join(line for line in lines if line.startswith("learning_rate ")).split()
    assert {"0.00025", "6.25e-05", "5e-05"} <= set(rates)


def test_all_agents_can_be_listed_with_their_presets(capsys):
    main(["agents", "--verbose"])
    shown = capsys.readouterr().out
    assert "--verbose" in shown
    assert "target_update_interval" in shown
