"""Steps of the clips' pipeline. What is random in them comes from ``results['rng']``."""
from .brightness import BrightenCrops
from .crop import CropPair
from .flip import FlipCrops, FlipPair
from .gray import GrayPair
from .load import LoadPair
from .load_frame import LoadFrame
from .pack import PackFrame, PackPair

__all__ = ['BrightenCrops', 'CropPair', 'FlipCrops', 'FlipPair', 'GrayPair', 'LoadFrame',
           'LoadPair', 'PackFrame', 'PackPair']
