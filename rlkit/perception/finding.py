"""From what a user types to a model's file: a run's folder, a file, or `pretrained:NAME` for weights that ship."""

from pathlib import Path

from rlkit.errors import UserError
from rlkit.plugins import did_you_mean

WEIGHTS = Path(__file__).with_name("weights")
PRETRAINED = "pretrained:"
BEST = Path("best", "model.safetensors")  # where a perception run keeps what everything else loads


def pretrained_names() -> list[str]:
    """List the models that ship, sorted."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def find_model(what: str | Path) -> Path:
    """Find the weights' file of a model; what is in it is for `load_model` to judge.

    Args:
        what: The folder of a perception run, a .safetensors file, or `pretrained:NAME`.

    Returns:
        The safetensors file.

    Raises:
        UserError: There is no such model.
    """
    if str(what).startswith(PRETRAINED):
        return _pretrained(str(what).removeprefix(PRETRAINED))
    path = Path(what).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        if path.suffix != ".safetensors":
            raise UserError(f"{path} is no model: expected a .safetensors file, or the folder of a perception run.")
        return path
    hint = f" For weights that ship write {PRETRAINED}{what}." if str(what) in pretrained_names() else ""
    raise UserError(
        f"There is no perception run and no model at {what}.{hint} Expected the folder of a perception run, "
        f"a .safetensors file, or {PRETRAINED}NAME{_shipped()}."
    )


def _pretrained(name: str) -> Path:
    names = pretrained_names()
    if name not in names:
        raise UserError(f"No model called {name!r} ships with rlkit.{did_you_mean(name, names)} There is{_shipped()}.")
    return WEIGHTS / f"{name}.safetensors"


def _in_folder(folder: Path) -> Path:
    if (folder / BEST).is_file():
        return folder / BEST
    if (folder / "config.json").is_file():
        raise UserError(
            f"The run in {folder} has no {BEST}: either it is no perception run, or its training stopped before "
            "the first model was chosen.",
            exit_code=1,
        )
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    hint = f" Name one of its files: {', '.join(files[:5])}." if files else ""
    raise UserError(f"{folder} is no perception run: it has no {BEST}.{hint}")


def _shipped() -> str:
    return f" ({', '.join(pretrained_names()) or 'none in this installation'})"
