from .hooks import *  # noqa: F401, F403
from .loops import *  # noqa: F401, F403
from .optim_wrappers import Bf16OptimWrapper, FiniteOptimWrapper, Fp16OptimWrapper  # noqa: F401
from .whole_file_backend import WholeFileBackend  # noqa: F401
