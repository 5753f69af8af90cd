"""The currencies there are, by ISO 4217.

Source: the lists A.1 (in force) and A.3 (withdrawn) of the standard's maintenance agency, SIX, as of
January 2026. What was withdrawn since 1999 counts too, for a company brings its history (but no unit of
account, and not USS). The codes for tests (XTS) and for no currency at all (XXX) do not.
"""

_IN_FORCE = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
    BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR
    FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY
    KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU
    MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP
    TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB
    XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG
"""
_WITHDRAWN_SINCE_1999 = """
    ADP AFA ANG AON AOR ATS AYM AZM BEF BGL BGN BYB BYR CHC CSD CUC CYP DEM ECS ECV EEK ESP FIM
    FRF GHC GHP GRD HRK IEP ITL LTL LUF LVL MGF MRO MTL MZM NLG PTE ROL RUR SDD SIT SKK SLL SRG
    STD TJR TMM TPE TRL VEB VEF YUM ZMK ZRN ZWD ZWL ZWN ZWR
"""

CURRENCIES = frozenset((_IN_FORCE + _WITHDRAWN_SINCE_1999).split())
"""Alphabetic codes in which amounts may be stated."""


def mistyped(code: str | None) -> str:
    """What is wrong with a currency, with the cure; "" where nothing is, or none is named."""
    if code is None or code in CURRENCIES:
        return ""
    return f"{code} is no currency of ISO 4217: correct the code, as USD, EUR or CNY"
