import pytest

from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig, choose_perception


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    return file


def test_a_description_comes_back_from_json():
    config = PerceptionConfig(view="camera", view_size=(24, 32), noise=0.5, latency=3)
    assert PerceptionConfig.from_json(config.to_json()) == config
    assert PerceptionConfig.from_json(PerceptionConfig().to_json()) == PerceptionConfig()


def test_a_run_of_before_there_were_objects_has_none():
    stored = PerceptionConfig().to_json()
    del stored["objects"]
    assert PerceptionConfig.from_json(stored).objects is False
    assert PerceptionConfig.from_json(PerceptionConfig(objects=True).to_json()).objects is True


def test_the_name_of_a_networks_code_is_never_stored():
    assert PerceptionConfig.from_json(PerceptionConfig(network="my_package:MyNet").to_json()).network == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("view", "side"),
        ("view_size", 3),
        ("view_size", [24]),
        ("view_size", "24"),
        ("metres_per_pixel", 0.0),
        ("soft", 1),
        ("objects", "auto"),
        ("objects", 1),
        ("missed", 1.5),
        ("ghosts", -1),
        ("noise", 1.5),
        ("noise", True),
        ("noise_kind", "fog"),
        ("latency", -1),
        ("latency", 0.5),
        ("dropped", "often"),
        ("device", "tpu"),
        ("precision", "int8"),
        ("network", 3),
    ],
)
def test_what_cannot_be_is_refused_by_name(option, value):
    with pytest.raises(UserError, match=option):
        PerceptionConfig(**{option: value})


def test_one_number_is_a_square_view():
    assert PerceptionConfig(view_size=32).view_size == (32, 32)


def test_no_options_change_nothing():
    base = PerceptionConfig(noise=0.1)
    assert choose_perception(None) is None
    assert choose_perception(None, {}, base) == base
    assert choose_perception("none", {}, base) is None


def test_options_change_what_they_name_and_keep_the_rest():
    base = PerceptionConfig(what="model.safetensors", digest="abc", noise=0.1, latency=2)
    changed = PerceptionConfig("model.safetensors", "abc", noise=0.4, latency=2)
    assert choose_perception(None, {"noise": 0.4}, base) == changed
    assert choose_perception("truth", {}, base) == PerceptionConfig(noise=0.1, latency=2)


def test_a_model_is_named_by_its_whole_path_and_its_content(model, monkeypatch):
    monkeypatch.chdir(model.parent)
    chosen = choose_perception("model.safetensors")
    assert chosen.what == str(model)
    assert len(chosen.digest) == 64


def test_options_without_perception_are_a_sentence():
    for what in (None, "none"):
        with pytest.raises(UserError, match="no effect without --perception"):
            choose_perception(what, {"noise": 0.1})


def test_a_mistyped_option_offers_the_nearest():
    with pytest.raises(UserError, match=r"'nois'.*Did you mean noise"):
        choose_perception("truth", {"nois": 0.1})
    with pytest.raises(UserError, match="'digest'"):
        choose_perception("truth", {"digest": "abc"})


def test_a_relative_model_is_looked_for_from_a_folder(tmp_path):
    inside = PerceptionConfig("perception/model.safetensors", "abc")
    assert inside.located(tmp_path).what == str(tmp_path / "perception/model.safetensors")
    assert PerceptionConfig().located(tmp_path) == PerceptionConfig()
