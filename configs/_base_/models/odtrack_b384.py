# ODTrack-B: a ViT-B with a query token, templates of 192 and a search crop of 384 pixels.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='CenterHead', in_channels=768, channels=256)
tracking = dict(
    template_factor=2.,
    search_factor=5.,
    margin=10,
    templates=dict(type='SpreadHistory', count=3))
model = dict(
    type='ODTrack',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='ODTrackViT',
        attention='concat',  # or 'separate', without elimination
        embed_dims=768,
        depth=12,
        num_heads=12,
        template_size=192,
        search_size=384,
        drop_path_rate=0.1),
    head=head,
    test_cfg=tracking)
