from os.path import expanduser

from mmengine.runner import CheckpointLoader

from ..checkpoint import read_checkpoint


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename, map_location='cpu'):
    """A file that MMEngine resumes or starts from, read as data.

    It takes the place of MMEngine's own, whose ``Runner.resume`` runs what a checkpoint holds as
    ``meta.config``.

    Raises:
        FileNotFoundError, CheckpointError: see :func:`read_checkpoint`.
    """
    content = read_checkpoint(expanduser(filename), map_location)
    if isinstance(content.get('meta'), dict):
        content['meta'].pop('config', None)
    return content
