"""What /docs.json says is what the service does: schemathesis makes requests from it and looks at the answers."""

import re

from tests.service.api_contract import check_api

SECONDS = 20


def test_the_description_is_true(known):
    done = check_api(known.url, SECONDS, seed=4)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-6_000:]
    assert int(re.search(r"Tested: (\d+)", said)[1]) >= 10
    assert int(re.search(r"([\d,]+) generated", said)[1].replace(",", "")) > 500
