# SUTrack's shape at a size for tests and for a look at how it trains.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='TaskCenterHead', in_channels=48, channels=32)
tracking = dict(
    template_factor=2.,
    search_factor=4.,
    margin=10,
    templates=dict(type='RecentConfident', copies=2, interval=10, threshold=0.5))
model = dict(
    type='SUTrack',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='FastITPN',
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
