from .center_head import CenterHead, CenterMaps
from .corner_head import CornerHead, CornerMaps

__all__ = ['CenterHead', 'CenterMaps', 'CornerHead', 'CornerMaps']
