# MixFormerV2's shape at a size for tests and for a look at how it trains.
_base_ = './mixformerv2_b.py'
head = dict(in_channels=48, bins=24)
tracking = dict(search_factor=4., templates=dict(interval=20))
model = dict(
    backbone=dict(
        embed_dims=48,
        depth=4,
        num_heads=3,
        template_size=64,
        search_size=128,
        drop_path_rate=0.),
    head=head,
    test_cfg=tracking)
