"""Store a trained perception model for shipping: matrices in float16, vectors in float32, the card unchanged.

    python scripts/pretrained/perception.py runs/NAME rlkit/perception/weights/NAME.safetensors

`rlkit perception evaluate pretrained:NAME` then measures the model as it is stored. With `--encoder pretrained:NAME` a
captioner is stored without its encoder, whose weights are those of that detector.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from rlkit.perception.model import find_model
from rlkit.utils.io import sha256, sort_header, write_bytes


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a perception run or a .safetensors file")
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--encoder", help="the shipped detector that has the weights of a captioner's encoder")
    options = parser.parse_args()
    source = find_model(options.model)
    with safe_open(source, framework="pt") as file:
        header = file.metadata()
    tensors = {name: stored(tensor) for name, tensor in load_file(source).items()}
    if options.encoder:
        tensors, header = without_encoder(tensors, header, options.encoder)
    content = sort_header(to_bytes(tensors, header))
    write_bytes(options.out, content)
    print(f"{options.out}: {len(content) / 1e6:.2f} MB")


def without_encoder(
    tensors: dict[str, torch.Tensor], header: dict[str, str], encoder: str
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """A captioner's weights without those of its encoder, and its header with the detector that has them."""
    detector = find_model(encoder)
    theirs = load_file(detector)
    others = {}
    for name, tensor in tensors.items():
        part = name.removeprefix("encoder.")
        if part == name:
            others[name] = tensor
        elif not torch.equal(tensor, theirs[part]):
            raise SystemExit(f"{encoder} has other weights {part}: the captioner was trained with another encoder")
    card = json.loads(header["card"]) | {"encoder": encoder, "encoder_sha256": sha256(detector)}
    return others, header | {"card": json.dumps(card)}


def stored(tensor: torch.Tensor) -> torch.Tensor:
    """Matrices and kernels in float16; the statistics of batch norm and biases as they are."""
    return tensor.half() if tensor.is_floating_point() and tensor.ndim >= 2 else tensor


if __name__ == "__main__":
    main()
