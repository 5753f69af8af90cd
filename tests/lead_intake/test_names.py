"""Who a company is by its e-mail, and what becomes of names that serve as ids (I2, P8)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_intake.domain.identity import claims_of, party_id, pseudonym
from perennial.contracts.partner import Organisation, Person

from tests.lead_intake.client import Client
from tests.lead_intake.histories import SEALING
from tests.lead_intake.house import House
from tests.lead_intake.test_leads import LEAD, ORDER

PEPPER = SEALING.pepper
PERSONAL = ("Ann Smith", "ann@acme.example", "+49 170 1234567", "王小明", "O'Brien", "Müller")


@pytest.mark.parametrize("word", PERSONAL)
def test_what_looks_like_personal_data_is_no_id(word: str) -> None:
    known = pseudonym(word, PEPPER)
    assert known != word
    assert known != pseudonym(word, b"another company")
    assert pseudonym(known, PEPPER) == known


@pytest.mark.parametrize("word", ["acme", "C-1042", "0013y00001AbCdE", "a1b2:c3/4", "7f3e=="])
def test_ids_stay_readable(word: str) -> None:
    assert pseudonym(word, PEPPER) == word


@given(st.text(min_size=1, max_size=128), st.text(min_size=1, max_size=128))
def test_different_words_stay_different(one: str, other: str) -> None:
    same = pseudonym(one, PEPPER) == pseudonym(other, PEPPER)
    assert same == (one == other)


@pytest.mark.feature("I2")
async def test_a_name_in_place_of_an_id_stands_nowhere_and_still_leads_to_one_party(
    client: Client, house: House
) -> None:
    named = {"party": "Ann Smith", "person": None, "product": ""}
    first = (await client("POST", "/leads", LEAD | named)).json()
    second = (await client("POST", "/leads", LEAD | named | {"lead": "L2"})).json()
    order = await client("POST", "/orders", ORDER | {"customer": "Ann Smith", "paid": False})
    paid = {"payment": "p", "paid_at": "2026-05-08T09:00:00Z", "amount": 1, "currency": "USD"}
    theirs = await client("POST", "/orders/1/payments", paid | {"customer": "Ann Smith"})
    others = await client(
        "POST", "/orders/1/payments", paid | {"payment": "q", "customer": "Bo Li"}
    )

    assert first["customer_id"] == second["customer_id"] == order.json()["customer_id"]
    assert first["customer_id"] != party_id("shop", "Ann Smith")
    assert (theirs.status_code, others.json()["code"]) == (201, "customer-differs")
    assert "Ann" not in str(house.events) + str(house.store.tables)


async def test_a_leads_number_is_no_address(client: Client, house: House) -> None:
    answer = await client("POST", "/leads", LEAD | {"lead": "ann@acme.example"})
    assert (answer.status_code, answer.json()["code"]) == (422, "number-personal")
    assert answer.json()["errors"][0]["pointer"] == "/lead"
    assert house.events == []


def domain(email: str, **firm: str) -> set[str]:
    claims = claims_of(Person(email=email), PEPPER, Organisation(**firm) if firm else None)
    return {one for one in claims if one.startswith("domain:")}


ACME = domain("", domain="acme.example")


@pytest.mark.feature("I2")
@pytest.mark.parametrize(
    ("email", "firm"),
    [
        ("ann@acme.example", {"name": "ACME Inc."}),
        ("bo@acme.example", {"name": "Acme Water Works"}),
        ("bo@mail.example", {"name": "Acme", "domain": "https://www.acme.example/de"}),
    ],
)
def test_a_companys_e_mail_makes_its_domains_claim(email: str, firm: dict[str, str]) -> None:
    assert domain(email, **firm) == ACME


@pytest.mark.parametrize(
    ("email", "firm"),
    [
        ("ann@acme.example", {}),
        ("ann@acme.example", {"domain": "", "address": "1 High Street"}),
        ("ann@acme.example", {"name": "Somebody Else"}),
        ("ann@acme.example", {"name": "Acme", "registration": "HRB 1"}),
        ("acme@gmail.com", {"name": "Gmail Shop"}),
        ("", {"name": "Acme"}),
    ],
)
def test_whoever_may_be_another_makes_none(email: str, firm: dict[str, str]) -> None:
    assert domain(email, **firm) == set()


@pytest.mark.feature("I2")
async def test_two_people_of_one_firm_are_one_party(client: Client, house: House) -> None:
    async def said(number: str, email: str, **firm: Any) -> str:
        body = LEAD | {"lead": number, "party": number, "product": number}
        body |= {"person": {"email": email}, "organisation": firm or None}
        customer: str = (await client("POST", "/leads", body)).json()["customer_id"]
        return customer

    first = await said("1", "ann@acme.example", name="Acme Ltd")

    assert await said("2", "bo@acme.example", name="Acme") == first
    assert await said("3", "cy@else.example", name="Acme", domain="acme.example") == first
    assert await said("4", "di@acme.example") != first
