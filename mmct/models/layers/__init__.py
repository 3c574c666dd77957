from .attention import Attention
from .block import Block, Mlp
from .drop_path import DropPath
from .elimination import EliminatingBlock, box_tokens, centre_tokens
from .patch_embed import PatchEmbed
from .tokens import Tokens

__all__ = [
    'Attention', 'Block', 'DropPath', 'EliminatingBlock', 'Mlp', 'PatchEmbed', 'Tokens',
    'box_tokens', 'centre_tokens'
]
