# SUTrack-B224: 24 attention layers behind three and three convolutional blocks, templates of 112
# and search crops of 224 pixels.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='TaskCenterHead', in_channels=512, channels=256)
tracking = dict(
    template_factor=2.,
    search_factor=4.,
    margin=10,
    templates=dict(type='RecentConfident', copies=2, interval=25, threshold=0.7))
model = dict(
    type='SUTrack',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='FastITPN',
        embed_dims=512,
        depth=24,
        num_heads=8,
        coarse_depths=[3, 3],
        template_size=112,
        search_size=224,
        drop_path_rate=0.1),
    head=head,
    test_cfg=tracking)
