# SUTrack-L384: templates of 192 and search crops of 384 pixels.
_base_ = './sutrack_b384.py'
model = dict(
    backbone=dict(embed_dims=768, depth=40, num_heads=12, coarse_depths=[2, 2]),
    head=dict(in_channels=768))
