"""The channels of the demo's leads: how many come, what one costs, how readily they are won."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Channel:
    """Where leads come from; costs in cents a lead."""

    name: str
    weight: int
    cost: int
    warmth: float
    """How many times as likely as usual such a lead is won."""
    campaigns: tuple[str, ...] = ("",)
    staffed: bool = False
    """Only while somebody is in the office."""


CHANNELS = (
    Channel("e-commerce", 22, 150, 1.0, ("store-front", "charts", "wish-list")),
    Channel("media-ad", 12, 900, 0.7, ("radio-spring", "magazine", "banner")),
    Channel("referral", 11, 300, 1.6, ("bring-a-friend",)),
    Channel("telephone", 10, 500, 1.2, ("hotline",), staffed=True),
    Channel("partner", 9, 700, 1.3, ("hifi-dealers", "bookshops")),
    Channel("public-account", 8, 120, 0.9, ("letter-of-the-week",)),
    Channel("site-event", 7, 1800, 1.3, ("jazz-evening", "record-fair"), staffed=True),
    Channel("live-stream", 6, 600, 1.1, ("listening-session",)),
    Channel("kol", 5, 1200, 0.9, ("dj-mix",)),
    Channel("mini-program", 4, 200, 0.9, ("quiz",)),
    Channel("sms", 3, 60, 0.5, ("flash-sale",)),
    Channel("staff", 3, 50, 1.4, staffed=True),
)
