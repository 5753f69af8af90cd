"""The words of alerts in each language: templates as (title, next step), and words of our own."""

from collections.abc import Mapping
from typing import Literal

from perennial.contracts.alerts import AlertKind
from perennial.contracts.holdings import Clock

Language = Literal["en", "zh"]
_Templates = Mapping[AlertKind, tuple[str, str]]

_ENGLISH: _Templates = {
    "red-light": (
        "Customer {customer} may be leaving: {why}",
        "Call the customer today, find the root cause and record it in the win-back case.",
    ),
    "winback-overdue": (
        "Win-back of customer {customer} has no root cause yet: {why}",
        "Hold the root-cause meeting now and record the cause and who acts on it.",
    ),
    "lost": (
        "Customer {customer} is lost: {why}",
        "Record the reason of the loss; plan when the customer may be asked again.",
    ),
    "maturity": (
        "Customer {customer} has matured: {why}",
        "Bring the next product or need: agree with the customer what it could be.",
    ),
    "growth-slowed": (
        "Growth of customer {customer} has slowed: {why}",
        "Ask for the next product now, before the growth ends.",
    ),
    "recovered": (
        "Customer {customer} is back: {why}",
        "Thank the customer, and note what brought them back.",
    ),
    "turnover-due": (
        "Lead {lead} leaves {holder} in {left}: {clock} since {started}",
        "{cure} before {due}; else the lead goes to somebody else.",
    ),
    "lead-review": (
        "Lead {lead} of {holder} is to be reviewed: {clock} since {started}",
        "Review it with its team by {due}: who goes on, with what, or who takes over.",
    ),
    "turned-over": (
        "Lead {lead} has left {former}: {clock} from {started} to {due}",
        "Hand over what you know; last effective activity: {last}. It goes to: {follows}.",
    ),
    "lead-pooled": (
        "Lead {lead} is in pool {pool}: {because}",
        "It may be claimed from {claimable}; unclaimed it goes back to market on {nurtured}.",
    ),
    "lead-claimed": (
        "Lead {lead} ({grade}) is now held by {holder}, claimed from pool {pool}",
        "Make the first contact today and log it.",
    ),
    "lead-assigned": (
        "Lead {lead} ({grade}) is now held by {holder}: {how}, win chance {chance}",
        "Make the first contact within the time of your policy and log it.",
    ),
    "lead-queued": (
        "Lead {lead} waits for you as {role}: {reason}",
        "Assign it, or make room. Expected wait {wait}; barred until {barred}; ruled out: {out}.",
    ),
    "lead-released": (
        "Lead {lead} was released by {by}: {why}",
        "Hand over what is known of it; see who takes it on from {former}.",
    ),
    "lead-returned": (
        "Lead {lead} came back to market from {by}, return {times}: {why}",
        "See what it lacks before it is ready again.",
    ),
}
_CHINESE: _Templates = {
    "red-light": (
        "客户 {customer} 可能流失：{why}",
        "今天就联系客户，找出根本原因，并记入挽回案例。",
    ),
    "winback-overdue": (
        "客户 {customer} 的挽回案例尚无根本原因：{why}",
        "立即召开原因分析会，记录原因和负责人。",
    ),
    "lost": ("客户 {customer} 已流失：{why}", "记录流失原因，并安排何时可以再次联系客户。"),
    "maturity": (
        "客户 {customer} 已进入成熟期：{why}",
        "提出下一个产品或需求，与客户商定方向。",
    ),
    "growth-slowed": (
        "客户 {customer} 的增长放缓：{why}",
        "趁增长尚未结束，现在就推荐下一个产品。",
    ),
    "recovered": ("客户 {customer} 已挽回：{why}", "向客户致谢，并记录促使其回归的原因。"),
    "turnover-due": (
        "商机 {lead} 将在 {left} 后从 {holder} 流转：{clock}，自 {started} 起",
        "请在 {due} 之前{cure}，否则该商机将转给他人。",
    ),
    "lead-review": (
        "{holder} 的商机 {lead} 需要评审：{clock}，自 {started} 起",
        "请在 {due} 之前与项目组评审：由谁继续、如何推进或由谁接手。",
    ),
    "turned-over": (
        "商机 {lead} 已从 {former} 流转：{clock}，{started} 至 {due}",
        "请交接所知情况；最近一次有效跟进：{last}。去向：{follows}。",
    ),
    "lead-pooled": (
        "商机 {lead} 已进入公海 {pool}：{because}",
        "自 {claimable} 起可领取；至 {nurtured} 无人领取则退回市场部。",
    ),
    "lead-claimed": (
        "商机 {lead}（{grade}）已由 {holder} 从公海 {pool} 领取",
        "请今天完成首次联系并登记。",
    ),
    "lead-assigned": (
        "商机 {lead}（{grade}）现由 {holder} 负责：{how}，赢单概率 {chance}",
        "请在规定时限内完成首次联系并登记。",
    ),
    "lead-queued": (
        "商机 {lead} 等待 {role} 处理：{reason}",
        "请分配或腾出名额。预计等待 {wait}；保护期至 {barred}；排除情况：{out}。",
    ),
    "lead-released": (
        "商机 {lead} 已由 {by} 释放：{why}",
        "请交接所知情况，并确认由谁接替 {former}。",
    ),
    "lead-returned": (
        "商机 {lead} 由 {by} 退回市场部，第 {times} 次：{why}",
        "请查明再次成熟之前还缺什么。",
    ),
}
TEMPLATES: Mapping[Language, _Templates] = {"en": _ENGLISH, "zh": _CHINESE}

CURES: Mapping[Language, Mapping[Clock, str]] = {
    "en": {
        "first-contact": "Make the first contact",
        "activity": "Hold a two-way contact, meet or quote",
        "assignment": "Win it, or earn a lease by a quotation or a held meeting",
        "quotation": "Send the quotation",
        "contract-end": "Agree on the renewal",
        "review": "Review the lead",
        "lease": "Earn another lease by a quotation or a held meeting, or win it",
    },
    "zh": {
        "first-contact": "完成首次联系",
        "activity": "完成一次双向沟通、会面或报价",
        "assignment": "赢单，或以报价或会面获得保护期",
        "quotation": "发出报价",
        "contract-end": "商定续约",
        "review": "评审该商机",
        "lease": "以报价或会面再次获得保护期，或赢单",
    },
}
WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "first-contact": "no first contact",
        "activity": "no effective activity",
        "assignment": "not won",
        "quotation": "no quotation",
        "contract-end": "the contract ends",
        "review": "in hand",
        "lease": "its protection ends",
        "waiting": "the next round",
        "pool": "the pool",
        "nurture": "market",
        "no-score": "it has no score",
        "no-capacity": "nobody has room",
        "no-seller": "no seller may take it",
        "held-before": "everybody held it before",
        "protected": "the customer is protected from another hand-over",
        "left": "its holder has left",
    },
    "zh": {
        "first-contact": "尚无首次联系",
        "activity": "尚无有效跟进",
        "assignment": "尚未赢单",
        "quotation": "尚无报价",
        "contract-end": "合同到期",
        "review": "跟进中",
        "lease": "保护期结束",
        "waiting": "下一轮分配",
        "pool": "公海",
        "nurture": "市场部",
        "turnover": "流转",
        "released": "被释放",
        "unmatched": "无人可分配",
        "person": "人工处理",
        "left": "负责人离职",
        "matched": "匹配分配",
        "claimed": "领取",
        "transferred": "转交",
        "re-held": "接管",
        "no-score": "尚无评分",
        "no-capacity": "无人有空余名额",
        "no-seller": "没有可承接的销售",
        "held-before": "所有人都曾负责过",
        "protected": "客户处于保护期",
    },
}
