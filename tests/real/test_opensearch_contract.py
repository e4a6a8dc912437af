"""OpenSearch is held to the words of every other index."""

from tests.connectors.test_index_contract import *  # noqa: F403
from tests.connectors.test_labels import *  # noqa: F403
from tests.connectors.test_parts_contract import *  # noqa: F403
