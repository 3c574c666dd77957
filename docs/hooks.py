"""What MkDocs does with a page once it is HTML."""
import re


def on_page_content(html: str, **_) -> str:
    """Leave out the Sphinx roles of docstrings, such as ``:func:``, which name a kind of link."""
    return re.sub(r':(class|func|meth|mod):(?=<code)', '', html)
