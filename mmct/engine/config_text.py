"""How MMEngine prints a config."""
from functools import cache

from mmengine.config import config


def format_configs_once() -> None:
    """Let MMEngine format the text of a config once, not each of the four times that a run asks
    for it: in the log, in the work folder, for the visualizer and for checkpoints. It takes as long
    as some iterations of a small training.
    """
    if hasattr(config.FormatCode, 'formatted'):
        return
    formatter, options = config.FormatCode, {}

    @cache
    def formatted(text: str) -> tuple[str, bool]:
        return formatter(text, **options)

    def format_code(text: str, **kwargs) -> tuple[str, bool]:
        if kwargs != options:
            options.update(kwargs)
            formatted.cache_clear()
        return formatted(text)

    format_code.formatted = formatted
    config.FormatCode = format_code
