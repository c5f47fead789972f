"""Which read models the gateway keeps, and what is refused in a sentence before anything is asked of anybody."""

import pytest
from sqlalchemy import MetaData

from gateway.app import SERVICE
from gateway.db import METADATA
from plantkit import rebuild

USAGE = "Usage: python -m plantkit.rebuild operations|records|imports|gateway [MODEL]"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gateway", "nothing"], "The service gateway keeps no read model 'nothing': activity, order-card."),
        (
            ["operations", "nothing"],
            (
                "The service operations keeps no read models; by name, a consumer gets what it has missed: "
                "imports, process-profiles, transport-proposals."
            ),
        ),
        (["nobody"], "There is no service 'nobody': operations, records, imports, gateway."),
        ([], USAGE),
        (["gateway", "activity", "order-card"], USAGE),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(arguments, sentence, capsys):
    assert rebuild.main(arguments) == 2
    assert capsys.readouterr().err.strip() == sentence


def test_a_model_is_named_as_its_group_is():
    """A group that lost its place names the command that heals it: `takt rebuild gateway order-card`."""
    found = {consumer.group: consumer.model for consumer in rebuild.models(SERVICE)}

    assert {group: f"gateway.{model.name}" for group, model in found.items() if model} == {
        "gateway.activity": "gateway.activity",
        "gateway.order-card": "gateway.order-card",
    }


def test_no_two_models_share_a_table_and_each_is_of_this_service():
    tables = [table for consumer in rebuild.models(SERVICE) if consumer.model for table in consumer.model.tables]

    assert len(tables) == len(set(tables))
    assert isinstance(METADATA, MetaData)
    assert {table.metadata for table in tables} == {METADATA}
