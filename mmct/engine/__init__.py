from .bf16_optim_wrapper import Bf16OptimWrapper  # noqa: F401
from .hooks import *  # noqa: F401, F403
from .loops import *  # noqa: F401, F403
