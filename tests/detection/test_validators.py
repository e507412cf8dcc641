from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.detection.validators import NOT_FIRST, VALIDATORS, luhn


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        (
            "luhn",
            ["4111 1111 1111 1111", "5555555555554444", "2223003122003222", "6759649826438453"],
            ["4111111111111112", "0000000000000000", "42"],
        ),
        ("iban", ["DE89 3704 0044 0532 0130 00", "gb82west12345698765432"], ["DE88370400440532013000", "DE89", "89DE"]),
        (
            "us-ssn",
            ["078-05-1120", "219 09 9999"],
            ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-1234", "123-45-0000"],
        ),
        (
            "phone",
            ["+49 30 901820", "(415) 555-2671", "+1-903-140-4508x769"],
            ["+1", "999-999-9999", "+1 2 3 4 5 6 7 8"],
        ),
        ("ip", ["203.0.113.7", "10.0.0.1", "2001:db8::1"], ["127.0.0.1", "0.0.0.0", "300.1.1.1", "1.2.3"]),
        (
            "card",
            ["4111 1111 1111 1111", "4111-1111-1111-1111", "2223003122003222", "6304 2737 3398", "3782 822463 10005"],
            ["4111 1111-1111 1111", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "1234567812345670", "4111111111111112"],
        ),
        ("phone-of-europe", ["030 901820-0", "01 42 68 53 00", "020 7946 0958"], ["0000 000000", "01-02-2020", "42"]),
        ("dialled", ["467 3395", "(99) 645-791"], ["2026-11-23", "23.11.2026", "1111111", "12"]),
        ("mailbox", ["git.user@example.com"], ["git@github.com", "icon@2x.png", "getty@tty1.service"]),
        (
            "website",
            ["https://acme.se/", "www.maria-lopez.de"],
            ["https://docs.python.org/3/", "http://localhost", "a.js"],
        ),
        ("own-title", ["Editor", "tower controller"], ["Job title", "string"]),
        ("own-words", ["Maria Lopez", "de Vries"], ["Last name", "Run Tests", "string", "12", "This One"]),
        ("named", ["Acme GmbH", "Lange Weg 5", "12"], ["The Acme GmbH", "In Acme GmbH"]),
        ("us-itin", ["912-70-1234"], ["912-66-1234", "812-70-1234"]),
        ("mac", ["00:1b:44:11:3a:b7"], ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]),
        ("imei", ["490154203237518"], ["490154203237519", "000000000000000", "42"]),
        ("vin", ["1HGCM82633A004352", "WVWZZZ1JZXW000010"], ["1HGCM82633A004353", "ABCDEFGHJKLMNPRST", "42"]),
        ("base58check", ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"], ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "1", "0OIl"]),
        (
            "bech32",
            ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"],
            ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "bc1", ""],
        ),
        ("random", ["aB3dE5gH7jK9"], ["password", "12345678", "aaaaaaaa1", "x1"]),
    ],
)
def test_a_validator_tells_them_apart(name: str, valid: list[str], invalid: list[str]) -> None:
    assert [text for text in valid if not VALIDATORS[name](text)] == []
    assert [text for text in invalid if VALIDATORS[name](text)] == []


# Numbers that the issuers themselves, or ISO, publish as examples.
NATIONAL = {
    "ar-cuit": "20-05536168-2",
    "at-svnr": "1237 010180",
    "au-abn": "51 824 753 556",
    "au-acn": "004 085 616",
    "au-medicare": "2123 45670 1",
    "au-tfn": "876 543 210",
    "baltic-code": "37605030299",
    "be-national-number": "85.07.30-033.28",
    "bg-egn": "7523169263",
    "br-cnpj": "16.727.230/0001-97",
    "br-cpf": "390.533.447-05",
    "ca-sin": "123-456-782",
    "ch-ahv": "756.9217.0769.85",
    "cl-rut": "12.531.909-2",
    "cn-resident-id": "11010519491231002X",
    "cz-birth-number": "710319/2745",
    "de-tax-id": "36 574 261 809",
    "es-nif": "54362315-K",
    "fi-hetu": "131052-308T",
    "fr-nir": "2 95 10 99 126 111 93",
    "gr-amka": "01013099997",
    "hr-oib": "33392005961",
    "hu-taj": "111 111 110",
    "ie-pps": "6433435F",
    "il-id": "12345678-2",
    "in-aadhaar": "234123412346",
    "is-kennitala": "450401-3150",
    "it-fiscal-code": "RCCMNL83S18D969H",
    "it-vat": "00743110157",
    "jp-my-number": "1234 5678 9018",
    "machine-readable": "L898902C<3",
    "mx-curp": "BOXW310820HNERXN09",
    "nl-bsn": "1112.22.333",
    "no-birth-number": "151086 95088",
    "pl-pesel": "44051401359",
    "pt-nif": "501 964 843",
    "ro-cnp": "1630615123457",
    "ru-inn": "500100732259",
    "ru-snils": "112-233-445 95",
    "se-personal-number": "880320-0016",
    "sg-nric": "S0000001I",
    "th-national-id": "1-2345-45678-78-1",
    "tr-identity-number": "17291716060",
    "tw-national-id": "A123456789",
    "uk-nhs": "943 476 5870",
    "us-aba": "111000025",
    "us-npi": "1234567893",
    "za-id": "750330 5044 08 9",
}


@pytest.mark.parametrize("name", sorted(NATIONAL))
def test_a_published_number_passes_its_check_and_most_others_do_not(name: str) -> None:
    number, check = NATIONAL[name], VALIDATORS[name]
    places = [at for at, char in enumerate(number) if char.isdigit()]
    wrong = [number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :] for at in places]

    assert check(number)
    assert sum(map(check, wrong)) <= 2, "one wrong digit shows, but where a country's check leaves a digit out"
    assert [text for text in ("", number + "11") if check(text)] == []


@given(st.sampled_from(sorted(NOT_FIRST)), st.data(), st.text(max_size=20))
def test_no_value_begins_with_what_is_never_first(name: str, data: st.DataObject, rest: str) -> None:
    word = data.draw(st.sampled_from(sorted(NOT_FIRST[name])))

    assert not VALIDATORS[name](f"{word.capitalize()} {rest}")


@given(st.text(max_size=40))
def test_no_text_breaks_a_validator(text: str) -> None:
    assert all(isinstance(check(text), bool) for check in VALIDATORS.values())


@given(st.text(alphabet="0123456789", min_size=12, max_size=18), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_breaks_the_check_digit(text: str, place: int, by: int) -> None:
    whole = next(text + digit for digit in "0123456789" if luhn(text + digit) or len({*text, digit}) == 1)
    at = place % len(text)
    wrong = whole[:at] + str((int(whole[at]) + by) % 10) + whole[at + 1 :]

    assert not (luhn(whole) and luhn(wrong))


@given(st.integers(0, 10**18 - 1))
def test_one_of_97_check_numbers_fits(account: int) -> None:
    fitting = [check for check in range(2, 99) if VALIDATORS["iban"](f"DE{check:02}{account:018}")]

    assert len(fitting) == 1
