import agent
import pytest


@pytest.mark.tape
def test_the_agent_looks_the_city_up() -> None:
    assert "140000" in agent.ask("How many people live in Reykjavik?")
