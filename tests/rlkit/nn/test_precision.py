"""Whether half as many bits are quick is asked of the device."""

import pytest
import torch

from rlkit.nn.precision import is_quick_with_bfloat16


@pytest.mark.parametrize("ability", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_processor_with_instructions_for_it_is_quick(monkeypatch, ability):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, ability: True}, raising=False)
    assert is_quick_with_bfloat16("cpu")


def test_a_processor_without_is_not(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "amx_bf16": False}, raising=False)
    assert not is_quick_with_bfloat16("cpu")


def test_where_torch_cannot_tell_it_is_not(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not is_quick_with_bfloat16("cpu")
