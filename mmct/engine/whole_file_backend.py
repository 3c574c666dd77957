from mmengine.fileio import LocalBackend, register_backend

from ..utils.files import atomic_write


@register_backend('whole_file')
class WholeFileBackend(LocalBackend):
    """MMEngine's access to local files, which writes them whole or not at all, as
    ``ResumableCheckpointHook`` does."""

    def put(self, obj: bytes, filepath: str) -> None:
        with atomic_write(filepath) as part:
            part.write_bytes(obj)
