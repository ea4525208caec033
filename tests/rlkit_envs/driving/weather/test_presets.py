import numpy as np
import pytest
from rlkit_envs.driving.terrain.materials import ASPHALT, GRASS, SHADOW
from rlkit_envs.driving.weather.palette import BANDS, CLASS_OF_MATERIAL, mix_ground
from rlkit_envs.driving.weather.presets import APPEARANCE, WEATHERS, WORDS, choose_appearance, presets, word_for


def table(appearance, bands=BANDS):
    colours = np.zeros((bands, 256), dtype=np.uint32)
    mix_ground(colours, appearance.reshape(1)[0], 1.3)
    return colours


def brightness(word):
    return (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255)


@pytest.mark.parametrize("weather", WEATHERS)
def test_a_named_weather_always_has_the_same_materials(weather):
    appearances = [choose_appearance(weather, np.random.default_rng(seed)) for seed in (1, 2)]
    assert np.array_equal(appearances[0]["material"], appearances[1]["material"])
    assert np.array_equal(appearances[0]["ambient"], presets()[weather]["ambient"])


def test_mixtures_fill_the_space_between_presets():
    random = np.random.default_rng(0)
    appearances = np.array([choose_appearance("train", random) for _ in range(300)], dtype=APPEARANCE)
    assert len(np.unique(appearances["fog"])) > 200
    assert appearances["fog"].max() < 0.02  # thick fog is held out
    assert appearances["wetness"].max() > 0.6
    assert appearances["lamps"].max() > 0.8
    assert (appearances["snow"] == 0.0).all()  # snow is held out
    grass = appearances["material"][:, GRASS]
    assert (grass.max(axis=0) - grass.min(axis=0) > 0.2).all()


def test_choosing_a_look_takes_the_same_draws_whatever_the_weather():
    left = []
    for weather in ("clear", "train", "held-out", "all"):
        random = np.random.default_rng(5)
        choose_appearance(weather, random)
        left.append(random.random())
    assert len(set(left)) == 1


def test_labels_do_not_depend_on_the_look_or_the_distance():
    for weather in WEATHERS:
        colours = table(presets()[weather])
        assert (colours >> 24 == CLASS_OF_MATERIAL[np.arange(256) >> 5]).all()


def test_shadows_are_darker_where_the_sun_shines_and_only_there():
    asphalt = (ASPHALT << 5) + 8
    clear, storm = table(presets()["clear"], 1)[0], table(presets()["storm"], 1)[0]
    assert brightness(clear[asphalt | SHADOW]) < 0.75 * brightness(clear[asphalt])
    assert clear[asphalt] != clear[asphalt | SHADOW]
    assert storm[asphalt] == storm[asphalt | SHADOW]


def test_fog_takes_over_with_distance():
    colours = table(presets()["fog"])
    spread = [int(np.ptp(brightness(colours[band].astype(np.int64)))) for band in (0, BANDS // 2, BANDS - 1)]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] < 10


def test_a_wet_road_is_darker_near_and_mirrors_the_sky_far_away():
    wet = presets()["clear"].copy()
    wet["wetness"], wet["fog"] = 0.9, 0.0
    dry = wet.copy()
    dry["wetness"] = 0.0
    asphalt = (ASPHALT << 5) + 4
    assert brightness(table(wet)[0, asphalt]) < brightness(table(dry)[0, asphalt])
    assert brightness(table(wet)[-1, asphalt]) > brightness(table(dry)[-1, asphalt])


def test_each_weather_has_a_word():
    words = {name: word_for(appearance) for name, appearance in presets().items()}
    assert words == {
        "clear": "fair",
        "overcast": "fair",
        "dusk": "fair",
        "low sun": "low sun",
        "rain": "rain",
        "night": "night",
        "fog": "fog",
        "snow": "snow",
        "storm": "rain",
        "dawn": "low sun",
    }
    random = np.random.default_rng(0)
    assert {word_for(choose_appearance("all", random)) for _ in range(200)} == set(WORDS)
