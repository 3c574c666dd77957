# Generated videos of real things in real places (docs/demo.md#photographs-of-your-own), real videos
# and real stills, and how often each is drawn.
cutouts = dict(
    type='LaSOTDataset',
    data_root='data/cutouts/',
    ann_file='annotations/lasot_train_infos.txt',
    data_prefix=dict(img_path='LaSOTBenchmark'))
videos = dict(
    type='GOT10kDataset',
    data_root='data/got10k/',
    ann_file='annotations/got10k_train_infos.txt',
    data_prefix=dict(img_path='.'))
stills = dict(
    type='SOTCocoDataset',
    data_root='data/coco/',
    ann_file='annotations/instances_train2017.json',
    data_prefix=dict(img_path='train2017'))
real_pictures = dict(weights=[45, 30, 25], datasets=[cutouts, videos, stills])
