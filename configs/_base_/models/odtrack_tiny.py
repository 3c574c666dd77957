# ODTrack's shape at a size for tests and for a look at how it trains.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='CenterHead', in_channels=48, channels=32)
tracking = dict(
    template_factor=2.,
    search_factor=4.,
    margin=10,
    templates=dict(type='SpreadHistory', count=3))
model = dict(
    type='ODTrack',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='ODTrackViT',
        embed_dims=48,
        depth=4,
        num_heads=3,
        template_size=64,
        search_size=128,
        drop_path_rate=0.),
    head=head,
    test_cfg=tracking)
