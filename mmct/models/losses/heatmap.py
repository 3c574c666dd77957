"""The classification target of the centre head."""
import torch
from torch import Tensor

MIN_OVERLAP = 0.7


def gaussian_radius(wh: Tensor) -> Tensor:
    """Radius (B,), whole cells, in which a shifted box of sizes (B, 2) in cells still overlaps the
    true one enough. As published: all three roots take the plus sign and the plain 2 as divisor."""
    w, h = wh.unbind(-1)
    area, overlap = w * h, MIN_OVERLAP
    cases = (
        (1., h + w, area * (1 - overlap) / (1 + overlap)),
        (4., 2 * (h + w), (1 - overlap) * area),
        (4 * overlap, -2 * overlap * (h + w), (overlap - 1) * area),
    )
    roots = torch.stack([(b + (b**2 - 4 * a * c).sqrt()) / 2 for a, b, c in cases])
    return roots.min(dim=0).values.clamp(min=0).trunc()


def gaussian_heatmap(boxes: Tensor, grid: int) -> Tensor:
    """Maps (B, 1, n, n) with a Gaussian around the cell of each box's centre (CenterNet, arXiv
    1904.07850): 1 in that cell, nowhere if it lies off the map.

    Args:
        boxes: (B, 4) cx, cy, w, h in [0, 1] of the search crop; may reach outside.
        grid: n, cells a side.
    """
    centre = (boxes[:, :2] * grid).round()
    radius = gaussian_radius(boxes[:, 2:] * grid)
    cells = torch.arange(grid, device=boxes.device, dtype=boxes.dtype)
    dx = (cells - centre[:, :1])[:, None, :]
    dy = (cells - centre[:, 1:])[:, :, None]
    radius = radius[:, None, None]
    sigma = (2 * radius + 1) / 6
    heat = torch.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    inside = (dx.abs() <= radius) & (dy.abs() <= radius)
    visible = inside & (heat >= torch.finfo(heat.dtype).eps)
    return torch.where(visible, heat, 0.).unsqueeze(1)
