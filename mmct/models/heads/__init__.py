from .center_head import CenterHead
from .corner_head import CornerHead
from .edge_head import EdgeHead
from .task_center_head import TaskCenterHead

__all__ = ['CenterHead', 'CornerHead', 'EdgeHead', 'TaskCenterHead']
