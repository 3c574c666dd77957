from .center_head import CenterHead
from .corner_head import CornerHead
from .edge_head import EdgeHead

__all__ = ['CenterHead', 'CornerHead', 'EdgeHead']
