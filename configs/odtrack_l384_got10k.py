# ODTrack-L of GOT-10k only.
_base_ = './odtrack_b384_got10k.py'
model = dict(
    backbone=dict(embed_dims=1024, depth=24, num_heads=16), head=dict(in_channels=1024))
load_from = 'weights/mae_vit_large_odtrack_384.pth'
