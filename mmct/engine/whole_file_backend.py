from mmengine.fileio import LocalBackend, register_backend

from ..utils.files import atomic_write


@register_backend('local', prefixes='', force=True)
class WholeFileBackend(LocalBackend):
    """MMEngine's access to local files, which writes them whole or not at all.

    It takes the place of MMEngine's own, whose checkpoints are cut short where a run is killed or
    the disk is full while one is being written.
    """

    def put(self, obj, filepath):
        with atomic_write(filepath) as part:
            part.write_bytes(obj)

    def put_text(self, obj, filepath, encoding='utf-8'):
        self.put(obj.encode(encoding), filepath)
