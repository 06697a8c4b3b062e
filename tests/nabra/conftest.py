"""One running service for all the tests that place calls on it."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.nabra.calls_side import Run
from tests.nabra.pbx_side import running_site


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run scenarios on one service, which stands still between them; each leaves it able to take the next call."""
    folder = tmp_path_factory.mktemp("site")
    loop = asyncio.new_event_loop()
    context = running_site(folder)
    site = loop.run_until_complete(context.__aenter__())
    yield lambda scenario: loop.run_until_complete(asyncio.wait_for(scenario(site), 60))
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()
