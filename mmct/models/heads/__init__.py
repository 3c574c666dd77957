from .center_head import CenterHead
from .corner_head import CornerHead

__all__ = ['CenterHead', 'CornerHead']
