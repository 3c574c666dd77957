# SUTrack's shape at a size for tests and for a look at how it trains.
_base_ = './sutrack_b224.py'
head = dict(in_channels=48, channels=32)
tracking = dict(templates=dict(interval=10, threshold=0.5))
model = dict(
    backbone=dict(
        embed_dims=48,
        depth=4,
        num_heads=3,
        coarse_depths=[1, 1],
        text_dims=16,
        template_size=64,
        search_size=128,
        drop_path_rate=0.),
    head=head,
    test_cfg=tracking)
