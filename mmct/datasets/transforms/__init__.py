"""Steps of the clips' pipeline. What is random in them comes from ``results['rng']``."""
from .augment import BrightenCrops, FlipCrops, FlipPair, GrayPair
from .crop import CropPair
from .load import LoadFrame, LoadPair
from .pack import PackFrame, PackPair, collate_pairs
