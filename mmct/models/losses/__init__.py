from .box_loss import BoxLoss, mean_iou
from .prediction_guidance_loss import PredictionGuidanceLoss
from .stage_mimic_loss import StageMimicLoss
from .track_loss import ScoreLoss, TrackLoss, focal_loss, gaussian_heatmap, gaussian_radius
