"""No name leads out of the folder, whatever stands in a manifest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskaudio.batch.naming import check_template, fill_template, inside
from maskaudio.errors import UsageError


@given(st.text(max_size=40))
def test_a_name_stays_inside_or_is_refused(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "out"
    try:
        file = inside(folder, name)
    except UsageError:
        return
    assert (folder / file).resolve().is_relative_to(folder.resolve())
    assert (folder / file).resolve() != folder.resolve()


@given(st.text(max_size=20))
def test_a_value_is_no_path(value):
    name = fill_template("a/{voice}", {"voice": value})
    assert (
        name.startswith("a/")
        and "/" not in name[2:]
        and "\\" not in name[2:]
        and not name[2:].startswith(".")
    )


@pytest.mark.parametrize(
    "name", ["../a.wav", "/etc/a.wav", "a/../../b.wav", "C:\\a.wav", "journal.jsonl", "", "."]
)
def test_names_that_lead_elsewhere(tmp_path, name):
    with pytest.raises(UsageError):
        inside(tmp_path, name)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "door").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="link"):
        inside(tmp_path / "out", "door/a.wav")


def test_templates():
    assert check_template("{index:04}_{slug}") == ["index", "slug"]
    assert fill_template("{index:04}_{slug}", {"index": 7, "slug": "rain"}) == "0007_rain"
    for bad in ("{text.__class__}", "{0}", "{index!r}", "{", "{index:{seed}}"):
        with pytest.raises(UsageError):
            check_template(bad)
    with pytest.raises(UsageError, match="chapter"):
        fill_template("{chapter}", {"index": 1})
    with pytest.raises(UsageError):
        fill_template("{slug:04}x{index:q}", {"index": 1, "slug": "a"})
