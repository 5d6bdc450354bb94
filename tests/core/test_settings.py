import pytest

from streaming_core.errors import InvalidSetting
from streaming_core.network.endpoints import parse_address
from streaming_core.settings import Settings


def test_keyword_beats_environment_beats_default() -> None:
    environment = {"PLANECAST_CREDIT": "7", "PLANECAST_LINGER": "1.5"}
    assert Settings.load({}).credit == 64
    assert Settings.load(environment).credit == 7
    assert Settings.load(environment).linger == 1.5
    assert Settings.load(environment, credit=3).credit == 3


@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5", "nan"])
def test_unusable_settings_name_their_variable(text: str) -> None:
    with pytest.raises(InvalidSetting, match="PLANECAST_CREDIT"):
        Settings.load({"PLANECAST_CREDIT": text})


@pytest.mark.parametrize("text", ["inf", "1e400", "99999999999999999999"])
@pytest.mark.parametrize("name", ["LINGER", "RESTART_GRACE"])
def test_no_time_is_longer_than_a_system_can_wait(name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=f"PLANECAST_{name} is a number of seconds up to"):
        Settings.load({f"PLANECAST_{name}": text})


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="colour"):
        Settings.load({}, colour=3)


@pytest.mark.parametrize(
    "address", [5555, "5555", ":5555", "localhost:5555", "tcp://127.0.0.1:5555"]
)
def test_addresses_as_people_write_them(address: int | str) -> None:
    assert parse_address(address).control == "tcp://127.0.0.1:5555"
    assert parse_address(address).data == "tcp://127.0.0.1:6555"


@pytest.mark.parametrize("address", [80, 65000, 0, -1, "here", "other:5555", "70000"])
def test_addresses_that_cannot_be(address: int | str) -> None:
    with pytest.raises(InvalidSetting):
        parse_address(address)
