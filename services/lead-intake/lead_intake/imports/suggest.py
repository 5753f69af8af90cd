"""A first mapping for a file nobody has described yet: a proposal for a person to check and keep."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import yaml

from lead_intake.domain.world import plain
from lead_intake.imports.dates import AmbiguousDateError, find_formats, misfits
from lead_intake.imports.numbers import AmbiguousDecimalError, NotANumber, find_decimal, number

_WORDS: dict[str, tuple[str, ...]] = {
    "order": ("orderid", "orderno", "ordernumber", "order", "invoiceno", "invoice", "bestellnummer", "auftragsnummer", "rechnungsnummer", "commande", "pedido", "订单号", "订单编号"),
    "customer": ("customerid", "customerno", "customernumber", "customer", "client", "clientid", "kundennummer", "kundennr", "kunde", "cliente", "buyer", "account", "userid", "masterid", "客户编号", "客户"),
    "date": ("orderdate", "date", "invoicedate", "orderedat", "createdat", "datum", "bestelldatum", "fecha", "timestamp", "purchasedate", "下单时间", "日期"),
    "amount": ("total", "amount", "ordertotal", "revenue", "sales", "betrag", "summe", "umsatz", "montant", "importe", "grandtotal", "value", "usd", "us", "金额"),
    "quantity": ("quantity", "qty", "units", "menge", "anzahl", "quantite", "cantidad", "数量"),
    "unit_price": ("unitprice", "price", "einzelpreis", "preis", "prix", "precio", "单价"),
    "product": ("product", "productid", "sku", "item", "stockcode", "artikel", "artikelnummer", "produit", "producto", "description", "商品", "产品"),
    "currency_column": ("currency", "currencycode", "waehrung", "währung", "devise", "moneda", "币种"),
    "paid_column": ("paid", "bezahlt", "paymentstatus", "ispaid", "已付款", "status"),
    "type_column": ("type", "kind", "transactiontype", "art", "类型"),
    "cost": ("cost", "costofgoods", "cogs", "einstandspreis"),
}  # fmt: skip
_OF_LEADS: dict[str, tuple[str, ...]] = {
    "lead": ("leadid", "opportunityid", "mqlid", "dealid", "opportunity", "lead", "id", "线索编号"),
    "party": ("account", "accountid", "companyid", "company", "organisation", "organization", "kunde", "firma", "customer", "客户"),
    "date": ("firstcontactdate", "engagedate", "createddate", "createdat", "created", "leaddate", "date", "erstkontakt", "datum", "日期"),
    "stage": ("dealstage", "stage", "status", "phase", "leadstatus", "阶段"),
    "close_date": ("closedate", "wondate", "closedat", "closed", "abschlussdatum", "成交日期"),
    "close_value": ("closevalue", "dealvalue", "amount", "value", "betrag", "金额"),
    "reason": ("lostreason", "reason", "grund"),
    "holder": ("salesagent", "owner", "salesrep", "srid", "rep", "seller", "verkaeufer", "销售"),
    "product": ("product", "productid", "produkt", "produit", "产品"),
    "campaign": ("campaign", "landingpageid", "utmcampaign", "kampagne"),
    "channel_column": ("origin", "channel", "leadsource", "source", "kanal", "quelle", "渠道"),
}  # fmt: skip
_WON = frozenset({"won", "closedwon", "gewonnen", "win", "成交"})
_LOST = frozenset({"lost", "closedlost", "verloren", "lose", "失败"})
_PAID = frozenset({"1", "yes", "y", "true", "paid", "bezahlt", "ja", "payé", "pagado", "已付款"})
_MOST_SHOWN = 10
_FIRST_ROW = 2
"""The header is the first, as in the report of rejected rows."""
_PERSON = {
    "name": ("name", "customername", "fullname", "firma", "company", "客户名称"),
    "email": ("email", "mail", "emailaddress", "邮箱"),
    "phone": ("phone", "telephone", "telefon", "mobile", "电话", "手机"),
    "address": ("address", "adresse", "direccion", "地址"),
}


@dataclass(frozen=True)
class Suggestion:
    """A mapping as YAML, and what a person must settle before it is used."""

    document: str
    questions: list[str]


Suggesting = Callable[[Sequence[str], Sequence[Sequence[str]], str], Suggestion]


def suggest_mapping(
    header: Sequence[str], sample: Sequence[Sequence[str]], source: str = "my-shop"
) -> Suggestion:
    """What the columns seem to be, by their names and by what stands in them.

    `sample` is the file's first rows after its header, a blank one as an empty list.
    """
    found = {field: name for field, words in _WORDS.items() if (name := _named(header, words))}
    if "quantity" in found and "unit_price" in found:
        found.pop("amount", None)
    else:
        found.pop("unit_price", None)
    asked = _dated(found, header, sample)
    document: dict[str, object] = {"source": source, **found}
    questions = asked + [
        f"Which column is the {field}?" for field in ("customer", "date") if field not in found
    ]
    questions += _about_dates(found, header, sample, document)
    questions += _about_amounts(found, header, sample, document)
    questions += _about_payment(found, header, sample, document)
    questions += _about_ids(found, document)
    person = {kind: name for kind, words in _PERSON.items() if (name := _named(header, words))}
    if person:
        document["person"] = person
    return Suggestion(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), questions)


def suggest_lead_mapping(
    header: Sequence[str], sample: Sequence[Sequence[str]], source: str = "my-crm"
) -> Suggestion:
    """The same for a list of leads or a pipeline export."""
    found = {field: name for field, words in _OF_LEADS.items() if (name := _named(header, words))}
    questions = _dated(found, header, sample)
    document: dict[str, object] = {"source": source, **found}
    questions += [] if "date" in found else ["Which column is the first contact?"]
    questions += _about_dates(found, header, sample, document)
    if "close_value" in found:
        worth = {"amount": found["close_value"]}
        questions += _about_amounts(worth, header, sample, document)
    document["currency"] = "USD"
    if "stage" in found:
        seen = list(dict.fromkeys(_texts(found["stage"], header, sample)))[:_MOST_SHOWN]
        document["opportunities"] = True
        document["stages"] = {
            "won": [one for one in seen if plain(one) in _WON],
            "lost": [one for one in seen if plain(one) in _LOST],
        }
        questions.append(f"Which stages are won, which lost? It holds {', '.join(seen)}.")
    if "lead" not in found:
        questions.append("No lead id: identical rows within one file count as separate leads.")
    if "holder" in found:
        questions.append(
            f"Do the values of {found['holder']!r} stand in the register? Else leave `holder` out."
        )
    person = {kind: name for kind, words in _PERSON.items() if (name := _named(header, words))}
    if person:
        document["person"] = person
    return Suggestion(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), questions)


def _named(header: Sequence[str], words: Sequence[str]) -> str:
    """The column of the likeliest name; words stand with the likeliest first."""
    spelt = {plain(name): name for name in reversed(header)}
    return next((spelt[word] for word in words if word in spelt), "")


def _texts(column: str, header: Sequence[str], sample: Sequence[Sequence[str]]) -> list[str]:
    return [text for text in _cells(column, header, sample) if text]


def _cells(column: str, header: Sequence[str], sample: Sequence[Sequence[str]]) -> list[str]:
    """One text for each row, "" where it has none."""
    place = list(header).index(column)
    return [row[place].strip() if len(row) > place else "" for row in sample]


def _dated(
    found: dict[str, str], header: Sequence[str], sample: Sequence[Sequence[str]]
) -> list[str]:
    """Where no column is named so, the only other one that mostly holds dates is proposed."""
    if "date" in found:
        return []
    others = [name for name in header if name not in found.values()]
    holding = [name for name in others if _mostly_dates(_texts(name, header, sample))]
    if len(holding) != 1:
        return []
    found["date"] = holding[0]
    return [f"Is {holding[0]!r} the date? It is proposed by its values, not by its name."]


def _mostly_dates(texts: list[str]) -> bool:
    told = [text for text in texts if not text.isdecimal()]
    try:
        wrong = misfits(told, find_formats(told))
    except AmbiguousDateError:
        return False
    return len(told) - len(wrong) > len(texts) / 2


def _about_dates(
    found: dict[str, str],
    header: Sequence[str],
    sample: Sequence[Sequence[str]],
    document: dict[str, object],
) -> list[str]:
    if "date" not in found:
        return []
    try:
        formats = find_formats(_texts(found["date"], header, sample))
    except AmbiguousDateError as error:
        return [str(error)]
    document["date_formats"] = formats
    columns = [found[field] for field in ("date", "close_date") if field in found]
    return [
        f"Row {_FIRST_ROW + place}, {column!r}: {cells[place]!r} is no date as {', '.join(formats)},"
        " so the row would be rejected: mend it, or name its notation in `date_formats` too."
        for column in columns
        for cells in (_cells(column, header, sample),)
        for place in misfits(cells, formats)[:_MOST_SHOWN]
    ]


def _about_amounts(
    found: dict[str, str],
    header: Sequence[str],
    sample: Sequence[Sequence[str]],
    document: dict[str, object],
) -> list[str]:
    column = found.get("amount") or found.get("unit_price")
    if not column:
        return ["Which column is the amount?"]
    texts = _texts(column, header, sample)
    try:
        decimal = find_decimal(texts)
        for text in texts[:100]:
            number(text, decimal)
    except (AmbiguousDecimalError, NotANumber) as error:
        return [f"Column {column!r}: {error}"]
    document["decimal"] = decimal
    return []


def _about_payment(
    found: dict[str, str],
    header: Sequence[str],
    sample: Sequence[Sequence[str]],
    document: dict[str, object],
) -> list[str]:
    """Only paid orders activate a customer, so whether they are paid is never left unasked."""
    column = found.get("paid_column")
    if not column:
        document["paid"] = False
        return ["No column says which orders are paid: are they all (`paid: true`)?"]
    seen = list(dict.fromkeys(_texts(column, header, sample)))
    document["paid_values"] = [text for text in seen if plain(text) in _PAID]
    shown = ", ".join(seen[:_MOST_SHOWN]) + (", …" if len(seen) > _MOST_SHOWN else "")
    return [f"Which values of {column!r} mean paid (`paid_values`)? It holds {shown or 'none'}."]


def _about_ids(found: dict[str, str], document: dict[str, object]) -> list[str]:
    questions = []
    if "currency_column" not in found:
        document["currency"] = "USD"
        questions.append("No currency column: is USD right for all rows?")
    if "type_column" in found:
        document["types"] = {"return": ["return", "refund"], "cancel": ["cancelled"]}
        questions.append(f"Which values of {found['type_column']!r} are returns, cancellations?")
    if "order" not in found:
        questions.append("No order id: identical rows within one file count as separate orders.")
    return questions
