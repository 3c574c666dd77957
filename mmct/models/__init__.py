from .backbones import *  # noqa: F401, F403
from .data_preprocessor import PairDataPreprocessor  # noqa: F401
from .distillers import ReplacementDistiller  # noqa: F401
from .heads import *  # noqa: F401, F403
from .losses import *  # noqa: F401, F403
from .trackers import *  # noqa: F401, F403

from .. import registration  # noqa: E402, F401, isort: skip
