from mmengine.config import Config, config
from running.config_text import format_configs_once


def test_a_config_is_formatted_once(monkeypatch):
    calls = []
    formatter = config.FormatCode

    def counted(text, **kwargs):
        calls.append(text)
        return formatter(text, **kwargs)

    cfg = Config(dict(a=1, b=dict(c=[1, 2])))
    expected = cfg.pretty_text
    monkeypatch.setattr(config, 'FormatCode', counted)
    format_configs_once()
    format_configs_once()  # as every tool does
    assert [cfg.pretty_text for _ in range(3)] == [expected] * 3
    assert len(calls) == 1
    cfg.a = 2
    assert cfg.pretty_text == expected.replace('1', '2', 1)
    assert len(calls) == 2
