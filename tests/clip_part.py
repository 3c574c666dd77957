"""A toy CLIP for files of SUTrack as they are given out."""
import torch

from mmct.checkpoint.names import to_released
from mmct.models.trackers.sutrack import CLIP, text_feature

WIDTH, LAYERS = 12, 2


def clip_part(features: int, seed: int = 0) -> dict:
    """Weights as released files have them: CLIP's text tower, some of its image tower, and norms
    that are never used.

    Args:
        features: length of the text feature.
    """
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape, around=0.):
        return around + 0.3 * torch.randn(*shape, generator=rng)

    clip = {'token_embedding.weight': draw(9, WIDTH), 'positional_embedding': draw(7, WIDTH),
            'text_projection': draw(WIDTH, features), 'logit_scale': draw(1)[0],
            'visual.conv1.weight': draw(4, 3, 2, 2)}
    sizes = {'attn.in_proj_': (3 * WIDTH, WIDTH), 'attn.out_proj.': (WIDTH, WIDTH),
             'mlp.c_fc.': (4 * WIDTH, WIDTH), 'mlp.c_proj.': (WIDTH, 4 * WIDTH)}
    for i in range(LAYERS):
        for name, (rows, columns) in sizes.items():
            start = f'transformer.resblocks.{i}.{name}'
            clip |= {f'{start}weight': draw(rows, columns), f'{start}bias': draw(rows)}
        for name in ('ln_1', 'ln_2'):
            start = f'transformer.resblocks.{i}.{name}.'
            clip |= {f'{start}weight': draw(WIDTH, around=1.), f'{start}bias': draw(WIDTH)}
    clip |= {'ln_final.weight': draw(WIDTH, around=1.), 'ln_final.bias': draw(WIDTH)}
    norms = {f'text_encoder.norm1.{kind}': draw(features) for kind in ('weight', 'bias')}
    return {f'{CLIP}{name}': value for name, value in clip.items()} | norms


def with_clip(model, seed: int = 0) -> dict:
    """Weights of a SUTrack as a released file has them; the model's text feature becomes that of
    its CLIP."""
    part = clip_part(len(model.backbone.text.feature), seed)
    model.backbone.text.feature.copy_(text_feature(part, ''))
    return to_released(model.state_dict(), False, 'model', (part, 'clip'))
