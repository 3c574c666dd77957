#!/usr/bin/env bash
# mmengine 0.10.7: CheckpointHook takes any keyword. One that is misspelt, such as max_keep_ckpt for
# max_keep_ckpts, is no error when the run begins; it is handed on to the function that saves, and
# the run ends with a TypeError at the first checkpoint, after an epoch of training.
# Seen: built without a word; 2 iterations trained; TypeError at the first save.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    mmengine==0.10.7 torch==2.13.0 numpy==2.3.5 setuptools==80.9.0
cd "$place"
venv/bin/python - 2> stderr <<'PY' || { tail -n 3 stderr; exit 1; }
import mmengine
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner


class Model(BaseModel):
    steps = 0

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, inputs, data_samples=None, mode='loss'):
        Model.steps += 1
        return dict(loss=self.layer(torch.stack(inputs)).sum())


data = [dict(inputs=torch.ones(1)) for _ in range(2)]
runner = Runner(
    Model(), 'work', train_dataloader=dict(
        dataset=data, batch_size=1, sampler=dict(type='DefaultSampler', shuffle=False)),
    train_cfg=dict(by_epoch=True, max_epochs=1), log_level='ERROR',
    optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
    default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpt=3)))
try:
    runner.train()
except TypeError as error:
    print(f'mmengine {mmengine.__version__}: {Model.steps} iterations trained, then {error}')
    assert Model.steps == 2
    assert 'max_keep_ckpt' in str(error)
else:
    raise SystemExit('the misspelt key did no harm')
PY
