"""What there is to read aloud in a Markdown or HTML file."""

import re
from html.parser import HTMLParser

BLOCK = re.compile(
    r"address|article|aside|blockquote|dd|div|dl|dt|fig(ure|caption)|footer|form|h[1-6r]|header|li|main|nav|ol"
    r"|option|p|section|table|tr|ul"
)
UNSPOKEN = re.compile(r"head|noscript|pre|script|style|svg|template|textarea")  # code is no prose


def prose(text: str, suffix: str) -> str:
    """The text of a .md, .markdown, .html or .htm file, a paragraph for every block; that of others as it is.

    Code blocks, scripts, links' addresses and pictures are left out; the pause tags of `speak` stay.
    """
    suffix = suffix.lower()
    if suffix in (".md", ".markdown"):
        from markdown_it import MarkdownIt

        text = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(_FRONT_MATTER.sub("", text))
    elif suffix not in (".html", ".htm"):
        return text
    reader = _Prose()
    reader.feed(text)
    reader.close()
    return "\n\n".join(filter(None, (" ".join(block.split()) for block in reader.blocks)))


class _Prose(HTMLParser):
    """Collects the text of every block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [""]
        self.inside: list[str] = []  # elements whose text is not spoken

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if UNSPOKEN.fullmatch(tag):
            self.inside.append(tag)
            self.blocks.append("")
        elif BLOCK.fullmatch(tag):
            self.blocks.append("")
        elif tag == "br":
            self.blocks[-1] += " "
        elif tag == "break" and not self.inside:
            self.blocks[-1] += self.get_starttag_text() or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            del self.inside[self.inside.index(tag) :]
        elif BLOCK.fullmatch(tag):
            self.blocks.append("")
        elif tag in ("td", "th"):
            self.blocks[-1] = self.blocks[-1].rstrip() + ", "

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.blocks[-1] += data.replace("<", " < ")  # what stood there as &lt; is no tag to be obeyed


_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
