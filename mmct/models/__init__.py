from .backbones import *
from .data_preprocessor import PairDataPreprocessor
from .distillers import *
from .heads import *
from .losses import *
from .trackers import *
