custom_imports = dict(imports=['mmct'])
default_scope = 'mmtrack'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # The best is that of the validation pairs, never of a test set.
    checkpoint=dict(
        type='ResumableCheckpointHook', interval=10, max_keep_ckpts=3, save_best='pair/iou',
        rule='greater'),
    non_finite=dict(type='NonFiniteHook', max_in_row=20),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='TrackVisualizationHook', draw=False))
# With the data sets keyed by (seed, epoch, index), all that is random is a function of place.
custom_hooks = [dict(type='IterationSeedHook')]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
# Add dict(type='TensorboardVisBackend') for TensorBoard.
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='TrackLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(
    type='LogProcessor',
    window_size=50,
    by_epoch=True,
    # What every iteration logs is averaged over the window, the rest (lr, p, …) as it is.
    mean_pattern=r'.*(loss|time|data_time|grad_norm|iou_mixed|iou_teacher|mimic_error).*')
log_level = 'INFO'
randomness = dict(seed=0)
load_from = None
resume = False
