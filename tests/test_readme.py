from __future__ import annotations

from streams.app.topology import topics_of, topology
from streams.release import rendering
from tests.support.fakes import CONFIG, ROOT

README = (ROOT / "README.md").read_text()


def test_the_picture_is_the_topology() -> None:
    picture = rendering.mermaid(topology(CONFIG))
    assert f"```mermaid\n{picture}\n```" in README, "paste `millrace topology --mermaid` anew"


def test_the_edge_topics_are_described() -> None:
    for topic in topics_of(topology(CONFIG)):
        if topic.edge:
            assert f"| `{topic.name}`" in README


def test_every_setting_the_readme_names_exists() -> None:
    import re

    from streams.app.settings import CONFIG_VARIABLE, known_variables
    from streams.app.variables import PREFIX, is_entry

    named = set(re.findall(rf"{PREFIX}[A-Z_]+", README)) - {CONFIG_VARIABLE}
    assert [name for name in named - known_variables() if not is_entry(name)] == []
    assert named
