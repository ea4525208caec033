import pytest

from rlkit.errors import UserError
from rlkit.perception import finding
from rlkit.perception.finding import find_model, pretrained_names


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "segnet-compact.safetensors").touch()
    monkeypatch.setattr(finding, "WEIGHTS", folder)
    return folder


def test_a_run_stands_for_its_best_model(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "model.safetensors").touch()
    assert find_model(str(tmp_path)) == find_model(tmp_path) == tmp_path / "best" / "model.safetensors"


def test_a_file_stands_for_itself(tmp_path):
    (tmp_path / "mine.safetensors").touch()
    assert find_model(tmp_path / "mine.safetensors") == tmp_path / "mine.safetensors"


def test_weights_that_ship_have_names(shipped):
    assert pretrained_names() == ["segnet-compact"]
    assert find_model("pretrained:segnet-compact") == shipped / "segnet-compact.safetensors"


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("pretrained:segnet-compct", r"ships with rlkit\. Did you mean segnet-compact\? There is \(segnet-compact\)"),
        ("segnet-compact", "For weights that ship write pretrained:segnet-compact"),
        ("runs/nowhere", "no perception run and no model at runs/nowhere"),
    ],
)
def test_what_is_not_there_is_named(shipped, what, sentence):
    with pytest.raises(UserError, match=sentence):
        find_model(what)


def test_files_and_folders_of_other_kinds_are_refused(tmp_path):
    (tmp_path / "model.pt").touch()
    with pytest.raises(UserError, match=r"model.pt is no model: expected a .safetensors file"):
        find_model(tmp_path / "model.pt")
    with pytest.raises(UserError, match="is no perception run"):
        find_model(tmp_path)
    (tmp_path / "other.safetensors").touch()
    with pytest.raises(UserError, match=r"Name one of its files: other.safetensors"):
        find_model(tmp_path)
    (tmp_path / "config.json").touch()
    with pytest.raises(UserError, match="before the first model was chosen"):
        find_model(tmp_path)
