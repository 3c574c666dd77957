from .box_loss import BoxLoss, mean_iou
from .heatmap import gaussian_heatmap, gaussian_radius
from .prediction_guidance_loss import PredictionGuidanceLoss
from .score_loss import ScoreLoss
from .stage_mimic_loss import StageMimicLoss
from .track_loss import TrackLoss, focal_loss

__all__ = [
    'BoxLoss', 'PredictionGuidanceLoss', 'ScoreLoss', 'StageMimicLoss', 'TrackLoss', 'focal_loss',
    'gaussian_heatmap', 'gaussian_radius', 'mean_iou'
]
