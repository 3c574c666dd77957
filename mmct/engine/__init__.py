from .hooks import *
from .loops import *
from .optim_wrappers import Bf16OptimWrapper, FiniteOptimWrapper, Fp16OptimWrapper
