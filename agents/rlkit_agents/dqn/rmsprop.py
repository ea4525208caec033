"""Centred RMSProp with epsilon under the square root (Graves 2013, equations 38 to 45), as DQN was published with."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class CentredRMSProp(torch.optim.Optimizer):
    """g and n are running means of the gradient and of its square; a step is -lr · gradient / √(n - g² + ε).

    torch's RMSprop adds ε to the root instead: where gradients vary little, its steps are longer or shorter.

    Args:
        parameters: To be optimized.
        lr: Learning rate.
        alpha: Share that both running means keep at a step; they begin at 0.
        eps: ε. Mnih et al. 2015 take 0.01 for gradients summed over a batch of 32: 0.01 / 32² for their mean.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, alpha: float = 0.95, eps: float = 0.01 / 32**2):
        super().__init__(parameters, {"lr": lr, "alpha": alpha, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; `closure` must be None."""
        assert closure is None
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients: list[Any] = [parameter.grad for parameter in parameters]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter] = {
                        "square_avg": torch.zeros_like(parameter),
                        "grad_avg": torch.zeros_like(parameter),
                    }
            squares = [self.state[parameter]["square_avg"] for parameter in parameters]
            means = [self.state[parameter]["grad_avg"] for parameter in parameters]
            torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - group["alpha"])
            torch._foreach_lerp_(means, gradients, 1 - group["alpha"])
            variances = torch._foreach_sub(squares, torch._foreach_mul(means, means))
            torch._foreach_clamp_min_(variances, 0.0)  # below 0 by rounding only
            torch._foreach_add_(variances, group["eps"])
            torch._foreach_addcdiv_(parameters, gradients, torch._foreach_sqrt(variances), -group["lr"])
