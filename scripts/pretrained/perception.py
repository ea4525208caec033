"""Store a trained perception model for shipping: matrices in float16, vectors in float32, the card unchanged.

    python scripts/pretrained/perception.py runs/NAME rlkit/perception/weights/NAME.safetensors

`rlkit perception evaluate pretrained:NAME` then measures the model as it is stored.
"""

import argparse
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from rlkit.perception.model import find_model
from rlkit.utils.io import sort_header, write_bytes


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a perception run or a .safetensors file")
    parser.add_argument("out", type=Path, help="the file to write")
    options = parser.parse_args()
    source = find_model(options.model)
    with safe_open(source, framework="pt") as file:
        header = file.metadata()
    tensors = {name: stored(tensor) for name, tensor in load_file(source).items()}
    content = sort_header(to_bytes(tensors, header))
    write_bytes(options.out, content)
    print(f"{options.out}: {len(content) / 1e6:.2f} MB")


def stored(tensor: torch.Tensor) -> torch.Tensor:
    """Matrices and kernels in float16; the statistics of batch norm and biases as they are."""
    return tensor.half() if tensor.is_floating_point() and tensor.ndim >= 2 else tensor


if __name__ == "__main__":
    main()
