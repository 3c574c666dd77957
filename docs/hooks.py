"""What MkDocs does with pages beside rendering them."""
import re
from pathlib import Path

from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]


def on_page_markdown(markdown: str, page: Page, **_) -> str:
    """Fill in what a code host shows otherwise.

    The changelog is a file of the repository's root. A comment ``<!-- reference: NAME -->`` becomes
    the documentation of a class or function, ``<!-- settings: NAME -->`` that without its methods.
    """
    if page.file.src_uri == 'changelog.md':
        markdown = (ROOT / 'CHANGELOG.md').read_text().replace('](docs/', '](')
    for kind, options in (('settings', r'\n    options: {members: false}'), ('reference', '')):
        markdown = re.sub(rf'<!-- {kind}: (\S+) -->', rf'::: \1{options}', markdown)
    return markdown


def on_page_content(html: str, **_) -> str:
    """Leave out the Sphinx roles of docstrings, such as ``:func:``, which name a kind of link."""
    return re.sub(r':(class|func|meth|mod):(?=<code)', '', html)
