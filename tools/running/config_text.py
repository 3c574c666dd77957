"""How MMEngine prints a config."""
from mmengine.config import config


def format_configs_once() -> None:
    """Let MMEngine format the text of a config once, not each of the four times that a run asks for
    it, which takes as long as some iterations of a small training."""
    if hasattr(config.FormatCode, 'formatted'):
        return
    formatter, formatted = config.FormatCode, {}

    def format_code(text: str, **options) -> tuple[str, bool]:
        key = text, repr(options)
        if key not in formatted:
            formatted[key] = formatter(text, **options)
        return formatted[key]

    format_code.formatted = formatted
    config.FormatCode = format_code
