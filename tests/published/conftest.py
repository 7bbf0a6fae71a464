"""For tests of published models."""

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The networks are tiny: on a busy machine more threads mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
