import io
import runpy
import sys
import tarfile

import numpy as np
import pytest
from data_preparation.lasot import convert_lasot_annotations
from mmtrack.datasets import LaSOTDataset

FILES = {
    'annos/cat-1.txt': '1,2,3,4\n5,6,7,8\n',
    'annos/absent/cat-1.txt': '0\n1\n',
    'annos/att/cat-1.txt': '0,1,0\n',
    'annos/big_dog-20.txt': '1.5,-2,3,4\n',
    'annos/absent/big_dog-20.txt': '0\n',
}


def archive(path, files):
    with tarfile.open(path, 'w:xz') as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def load(root):
    return LaSOTDataset(data_root=str(root), ann_file='annotations/lasot_test_infos.txt',
                        data_prefix={'img_path': 'LaSOTBenchmark'}, test_mode=True)


@pytest.mark.parametrize('packed', [True, False])
def test_convert(tmp_path, packed):
    source = tmp_path / 'source'
    if packed:
        archive(source, FILES)
    else:
        for name, text in FILES.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
    for _ in range(2):  # a second run finds everything there
        assert convert_lasot_annotations(source, tmp_path / 'lasot') == 2
    assert not list(tmp_path.rglob('*.part'))
    dataset = load(tmp_path / 'lasot')
    assert dataset.num_videos == 2
    infos = dataset.get_ann_infos_from_video(1)
    assert infos['bboxes'].tolist() == [[1, 2, 4, 6], [5, 6, 12, 14]]
    assert infos['visible'].tolist() == [True, False]
    path, = dataset.get_img_infos_from_video(0)['img_paths']
    assert path.endswith('LaSOTBenchmark/big_dog/big_dog-20/img/00000001.jpg')


def test_all_test_videos_of_lasot(tmp_path, reference):
    count = convert_lasot_annotations(reference / 'lasot/annos_test.tar.xz', tmp_path)
    dataset = load(tmp_path)
    assert count == dataset.num_videos == 280
    frames = visible = 0
    for i in range(280):
        infos = dataset.get_ann_infos_from_video(i)
        assert len(infos['bboxes']) == len(infos['visible']) == dataset.get_len_per_video(i)
        assert np.isfinite(infos['bboxes']).all()
        assert infos['visible'][0]
        frames += len(infos['visible'])
        visible += infos['visible'].sum()
    assert frames == len(dataset)
    assert 0.9 * frames < visible < frames


def test_training_videos_and_sentences_of_newer_toolkits(tmp_path):
    files = {f'annos/{kind}airplane-{number}.txt': text for number in (1, 10) for kind, text in (
        ('', '10,20,30,40\n'), ('absent/', '0\n'), ('nlp/', 'white airplane landing\n'))}
    assert convert_lasot_annotations(archive(tmp_path / 'a.tar.xz', files), tmp_path) == 1
    assert load(tmp_path).get_data_info(0)['video_path'] == 'airplane/airplane-1/img'
    assert (tmp_path / 'LaSOTBenchmark/airplane/airplane-10/groundtruth.txt').is_file()


def test_nothing_leaves_the_target(tmp_path):
    source = archive(tmp_path / 'evil.tar.xz', {
        **FILES, '../../cat-7.txt': '1,2,3,4\n', '/absent/cat-7.txt': '0\n', '../notes.txt': ''})
    convert_lasot_annotations(source, tmp_path / 'in/lasot')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['evil.tar.xz', 'in']
    assert (tmp_path / 'in/lasot/LaSOTBenchmark/cat/cat-7/groundtruth.txt').is_file()


@pytest.mark.parametrize(('files', 'message'), [
    ({'annos/readme.txt': ''}, 'has no annotations'),
    ({'annos/cat-1.txt': '1,2,3,4\n'}, 'has no absent/cat-1.txt beside cat-1.txt'),
    ({'annos/absent/cat-1.txt': '0\n'}, 'has no annotations'),
    ({**FILES, 'annos/cat-1.txt': '1,2,3,4\n5,6\n'}, "cat-1.txt: expected .* line 2 is '5,6'"),
    ({**FILES, 'annos/absent/cat-1.txt': '0\n2\n'}, 'absent/cat-1.txt: expected 2 flags 0 to 1'),
    ({**FILES, 'annos/absent/cat-1.txt': '0\n'}, 'expected 2 flags 0 to 1, got 1 values'),
])
def test_annotations_that_do_not_fit(tmp_path, files, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert_lasot_annotations(archive(tmp_path / 'a.tar.xz', files), tmp_path / 'lasot')
    assert not (tmp_path / 'lasot').exists()


def test_no_archive(tmp_path):
    with pytest.raises(FileNotFoundError, match='none does not exist'):
        convert_lasot_annotations(tmp_path / 'none', tmp_path / 'lasot')
    (tmp_path / 'text').write_text('text')
    with pytest.raises(ValueError, match='text is no folder and not a readable .tar or .zip'):
        convert_lasot_annotations(tmp_path / 'text', tmp_path / 'lasot')


def test_command(tmp_path, pytestconfig, monkeypatch, capsys):
    tool = str(pytestconfig.rootpath / 'tools/convert_lasot_annotations.py')
    source = archive(tmp_path / 'a.tar.xz', FILES)
    monkeypatch.setattr(sys, 'argv', [tool, str(source), str(tmp_path / 'lasot')])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(tool, run_name='__main__')
    assert not ended.value.code
    assert capsys.readouterr().out.startswith('2 videos written to ')
    monkeypatch.setattr(sys, 'argv', [tool, 'none', str(tmp_path / 'lasot')])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(tool, run_name='__main__')
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith('error: none does not exist')
