from __future__ import annotations

import pytest

from weighlock.detection.languages import is_english


@pytest.mark.parametrize(
    "text",
    [
        "Please check the invoice and return the signed contract.",
        "Maria Lopez",
        "",
        "Invoice 4711: Siemens, 19.90",
    ],
)
def test_english_and_what_may_be_english(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "Bitte prüfen Sie den Vertrag und senden Sie ihn zurück.",
        "Veuillez vérifier la facture et nous renvoyer le contrat signé.",
        "Por favor, revise la factura y devuelva el contrato firmado.",
        "Si prega di controllare la fattura e di restituire il contratto.",
        "Por favor, verifique a fatura e devolva o contrato assinado.",
        "Controleer de factuur en stuur het ondertekende contract terug.",
    ],
    ids=["de", "fr", "es", "it", "pt", "nl"],
)
def test_other_languages_are_not_english(text: str) -> None:
    assert not is_english(text)
