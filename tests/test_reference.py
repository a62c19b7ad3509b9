"""The reference page is the one that the declarations give."""

from compression.reference import PAGE, REGISTRIES, markdown


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == markdown() + "\n", "run `python -m compression.reference`"


def test_every_method_and_knob_is_on_it():
    text = markdown()
    for registry in REGISTRIES.values():
        for entry in registry.values():
            assert f"### `{entry.name}`" in text
            assert entry.source in text
            assert all(f"| `{knob}` |" in text for knob in entry.knobs)
