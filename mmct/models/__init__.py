from .backbones import *  # noqa: F401, F403
from .data_preprocessor import PairDataPreprocessor  # noqa: F401
from .distillers import *  # noqa: F401, F403
from .heads import *  # noqa: F401, F403
from .losses import *  # noqa: F401, F403
from .trackers import *  # noqa: F401, F403
