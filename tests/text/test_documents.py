"""Markdown and HTML files as `speak` reads them."""

import pytest

from maskaudio.text.documents import prose
from maskaudio.text.script import read_script

MARKDOWN = """---
title: Not spoken
---
# The *first* chapter

It was a **dark** night, see [the map](https://example.com/map.png).
It rained `hard`.

* one thing
* another [pause 500ms] thing

```python
print("not spoken")
```

| day | sky |
|---|---|
| Monday | grey & <wet> |

![a picture](rain.png) The [[ˈɛnd]]. <break time="1s"/> Really &lt;b&gt;.
"""


def test_markdown_is_read_without_its_signs():
    assert prose(MARKDOWN, ".md").split("\n\n") == [
        "The first chapter",
        "It was a dark night, see the map. It rained hard.",
        "one thing",
        "another [pause 500ms] thing",
        "day, sky,",
        "Monday, grey &,",
        'The [[ˈɛnd]]. <break time="1s"/> Really < b>.',
    ]
    assert len(list(read_script(prose(MARKDOWN, ".MD")))) == 10


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One.<p>Two<br>three.", "One.\n\nTwo three."),
        ("<head><title>No</title></head><script>no()</script><h1>Yes</h1>", "Yes"),
        ("<ul><li>a<li>b</ul> end", "a\n\nb\n\nend"),
        ("a &amp; b &#8212; c", "a & b — c"),
        ("<div>in<pre>code</pre>out</div>", "in\n\nout"),
        ("<p>cut off <b>in the mid", "cut off in the mid"),
        ("", ""),
    ],
)
def test_html_is_read_by_blocks(html, text):
    assert prose(html, ".html") == text


def test_other_files_are_as_they_are():
    assert prose("# 1 < 2 <b>", ".txt") == "# 1 < 2 <b>" == prose("# 1 < 2 <b>", "")
