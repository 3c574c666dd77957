# MixFormerV2's shape at a size for tests and for a look at how it trains.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='EdgeHead', in_channels=48, bins=24, with_score=True)
tracking = dict(
    template_factor=2.,
    search_factor=4.,
    margin=10,
    templates=dict(type='BestOfInterval', interval=20))
model = dict(
    type='MixFormerV2',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='MixViT',
        embed_dims=48,
        depth=4,
        num_heads=3,
        mlp_ratio=4.,
        template_size=64,
        search_size=128,
        drop_path_rate=0.),
    head=head,
    test_cfg=tracking)
