"""Files of others are what their packages shipped, and the pages load nothing from elsewhere."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

import api

ROOT = Path(api.__file__).parent
SHIPPED = {
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_vendored_file_is_unchanged(name: str) -> None:
    assert sha256((ROOT / "static" / "vendor" / name).read_bytes()).hexdigest() == SHIPPED[name]


@pytest.mark.parametrize("template", sorted(path.name for path in (ROOT / "templates").iterdir()))
def test_a_template_has_no_inline_script_no_inline_style_and_no_address_of_another_server(template: str) -> None:
    text = (ROOT / "templates" / template).read_text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)|hx-on|(src|href)=\"(https?:)?//", text)
