from __future__ import annotations

import pytest

from labs.races.lab import Races
from labs.races.transfers.experiments import TwoTransfers
from labs.workbench.errors import USAGE, LabError

DOUBLE_SPEND = Races.experiments()["double_spend"]


def test_parameters_have_their_defaults_and_may_come_as_text() -> None:
    assert DOUBLE_SPEND.parse({}) == TwoTransfers()
    assert DOUBLE_SPEND.parse({"amount": "7", "order": "serial"}) == TwoTransfers(amount=7, order="serial")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"amount": 0}, "a whole number from 1 to 100"),
        ({"amount": 101}, "a whole number from 1 to 100"),
        ({"amount": "many"}, "a whole number from 1 to 100"),
        ({"isolation": "chaos"}, "one of read uncommitted; read committed; "),
        ({"order": "AAX"}, "whose turn it is, a letter a statement"),
    ],
)
def test_a_parameter_out_of_bounds_is_told_with_its_bounds(given: dict[str, int | str], told: str) -> None:
    with pytest.raises(LabError) as refused:
        DOUBLE_SPEND.parse(given)
    assert told in refused.value.remedy
    assert refused.value.exit_status == USAGE


def test_an_unknown_parameter_is_told_with_the_known_ones() -> None:
    with pytest.raises(LabError) as refused:
        DOUBLE_SPEND.parse({"speed": 1})
    assert "isolation, amount, order" in refused.value.cause


def test_the_specification_says_what_a_screen_needs() -> None:
    specs = {parameter.name: parameter for parameter in DOUBLE_SPEND.spec.parameters}
    assert (specs["amount"].type, specs["amount"].minimum, specs["amount"].maximum) == ("int", 1, 100)
    assert specs["isolation"].default == "read committed"
    assert all(parameter.help for parameter in specs.values())
    assert next(iter(Races.experiments())) == "double_spend", "the first that a newcomer meets"
    assert all(declared.spec.why and declared.spec.question for declared in Races.experiments().values())
