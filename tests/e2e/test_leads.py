"""A lead from its first touch to a customer's number: captured, scored, matched, warned, turned over, won."""

from typing import Any

import pytest

from tests.e2e.house import House, fresh

READY = {
    "channel": "referral",
    "wants_call": True,
    "attributes": {"size": "medium", "industry": "retail", "class": "chain", "region": "north"},
}


async def seller(house: House, level: int = 3, **more: Any) -> str:
    """Somebody who sells from now on; the id."""
    who = fresh("seller")
    entry = {"role": "seller", "department": "sales", "team": "hunters", "level": level, **more}
    answer = await house.ask("PUT", "lead-intake", f"/v1/registers/people/{who}", entry)
    assert answer.status_code in (200, 201), answer.text
    return who


async def leave(house: House, *people: str) -> None:
    """They go, and leave no lead that another test's sellers would get."""
    for who in people:
        held = await house.items("lead-intake", "/v1/leads", holder=who)
        over = {"closed_at": house.now, "outcome": "disqualified", "reason": "the test is over"}
        for one in held:
            await house.ask("POST", "lead-intake", f"/v1/leads/{one['lead_id']}/close", over)
        path = f"/v1/registers/people/{who}/leave"
        answer = await house.ask("POST", "lead-intake", path, {})
        assert answer.status_code == 200, answer.text


async def lead(house: House, **more: Any) -> dict[str, Any]:
    """A lead over REST, now; the answer."""
    number = fresh("L")
    body = {"lead": number, "party": fresh("party"), "captured_at": house.now, **READY, **more}
    answer = await house.ask("POST", "lead-intake", "/v1/leads", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return {**made, "party": body["party"]}


async def happened(house: House, made: dict[str, Any]) -> list[str]:
    """What the topic says of the lead, in short."""
    found = await house.events("leads.v1", made["customer_id"])
    ours = [one for one in found if one.data.get("lead_id") == made["lead_id"]]
    return [one.type.removeprefix("perennial.lead.").removesuffix(".v1") for one in ours]


async def test_a_lead_is_scored_matched_and_won_by_a_paid_order(house: House) -> None:
    who = await seller(house)
    made = await lead(house)
    await house.settle()
    before = await house.get("lifecycle", f"/v1/customers/{made['customer_id']}")
    assert before["segment"] == "identified"

    await house.live(1)

    story = await happened(house, made)
    assert [one for one in story if one != "graded"] == ["captured", "readied", "assigned"]
    held = await house.get("lifecycle", f"/v1/customers/{made['customer_id']}")
    assert held["segment"] == "prospecting"
    alerts = await house.items("notifications", "/v1/alerts", lead=made["lead_id"])
    assert [(one["kind"], one["person"]) for one in alerts] == [("lead-assigned", who)]

    await house.order(made["party"], total=250_00)
    await house.settle()

    assert (await happened(house, made))[-1] == "won"
    won = await house.get("lifecycle", f"/v1/customers/{made['customer_id']}")
    assert won["number"]
    assert won["segment"] in ("activated", "serving")
    await leave(house, who)


async def test_the_choice_is_explained_to_who_did_not_get_it(house: House) -> None:
    elder, rookie = await seller(house, 5), await seller(house, 1)
    made = await lead(house)
    await house.live(1)
    found = await house.get(
        "lead-intake", f"/v1/leads/{made['lead_id']}/why-not", query={"person": elder}
    )
    held = await house.get("lead-intake", f"/v1/rounds/{found['round_id']}")
    assert {one["person"] for one in held["desks"]} >= {elder, rookie}
    assert found["holder"] in (elder, rookie)
    asked = rookie if found["holder"] == elder else elder
    why = await house.get(
        "lead-intake", f"/v1/leads/{made['lead_id']}/why-not", query={"person": asked}
    )
    assert asked in why["why"]
    for other in ("nobody-known",):
        told = await house.get(
            "lead-intake", f"/v1/leads/{made['lead_id']}/why-not", query={"person": other}
        )
        assert "did not sell here" in told["why"]
    await leave(house, elder, rookie)


async def test_a_seller_can_do_nothing_about_anothers_lead(house: House) -> None:
    who = await seller(house)
    made = await lead(house)
    await house.live(1)
    path = f"/v1/leads/{made['lead_id']}"
    wishes: list[tuple[str, dict[str, Any]]] = [
        ("close", {"closed_at": house.now, "outcome": "won"}),
        ("activities", {"activity": fresh("act"), "at": house.now, "kind": "quotation"}),
        ("tags", {"add": ["hot"]}),
        ("return", {"reason": "mine now"}),
        ("ready", {}),
    ]
    for what, body in wishes:
        sent: Any = {"role": "seller", "person": "somebody-else"}
        answer = await house.ask("POST", "lead-intake", f"{path}/{what}", body, **sent)
        assert answer.status_code == 404, (what, answer.text)
    sent = {"role": "seller", "person": who}
    answer = await house.ask("POST", "lead-intake", f"{path}/tags", {"add": ["hot"]}, **sent)
    assert answer.status_code == 201, answer.text
    stripped = await house.ask("POST", "lead-intake", f"/v1/people/{who}/leads:rehold", {})
    assert (stripped.status_code, stripped.json()["code"]) == (409, "person-present")
    await leave(house, who)


@pytest.mark.feature("I10")
@pytest.mark.feature("N2")
async def test_a_stale_lead_turns_over_with_warnings_and_never_goes_back(house: House) -> None:
    first, second, third = [await seller(house) for _ in range(3)]
    made = await lead(house)
    holders: list[str] = []
    for _ in range(60):
        await house.live(1)
        told = await house.events("leads.v1", made["customer_id"])
        holders = [one.data["holder"] for one in told if one.type.endswith("lead.assigned.v1")]
        if "pooled" in await happened(house, made):
            break
    story = await happened(house, made)
    assert sorted(holders) == sorted([first, second, third])
    assert story.count("turned-over") == 3
    assert story[-1] == "pooled"
    assert "turnover-warned" in story
    alerts = await house.items("notifications", "/v1/alerts", lead=made["lead_id"])
    kinds = {one["kind"] for one in alerts}
    assert {"lead-assigned", "turnover-due", "turned-over", "lead-pooled"} <= kinds
    await leave(house, first, second, third)


@pytest.mark.feature("I8")
async def test_a_seller_gets_no_more_than_fits_and_the_rest_is_told_why(house: House) -> None:
    who = await seller(house)
    made = [await lead(house) for _ in range(14)]
    await house.live(1)
    last = [(await happened(house, one))[-1] for one in made]
    assert last.count("assigned") == 10
    assert last.count("unassigned-queued") == 4
    await leave(house, who)


async def test_rounds_give_the_same_answer_however_they_are_read(house: House) -> None:
    rounds = await house.items("lead-intake", "/v1/rounds")
    assert [one["round_id"] for one in rounds] == sorted(
        (one["round_id"] for one in rounds), reverse=True
    )
