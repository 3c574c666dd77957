from .center_head import CenterHead, TaskCenterHead
from .corner_head import CornerHead
from .edge_head import EdgeHead
