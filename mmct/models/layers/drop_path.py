"""Stochastic depth."""
from torch import Tensor, nn


class DropPath(nn.Module):
    """Drops a residual branch for whole samples while training (arXiv 1603.09382).

    Args:
        rate: probability in [0, 1) that a sample's branch is dropped.
    """

    def __init__(self, rate: float = 0.) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, …) -> (B, …), kept samples scaled so that the expectation stays."""
        if not self.training or self.rate == 0.:
            return x
        keep = 1. - self.rate
        mask = x.new_empty((x.size(0), ) + (1, ) * (x.dim() - 1)).bernoulli_(keep)
        return x * (mask / keep)

    def extra_repr(self) -> str:
        return f'rate={self.rate:.4g}'
