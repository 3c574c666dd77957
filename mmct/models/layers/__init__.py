from .block import Attention, Block, Mlp
from .elimination import CEBlock, box_tokens, centre_tokens
from .fast_itpn import SwiGLUBlock
from .patch_embed import ConvStem, PatchEmbed
from .restricted_block import RestrictedBlock
from .separable_block import SeparableBlock
from .tokens import Tokens, resize_grid, run_layers
