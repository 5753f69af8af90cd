"""HTTP in, fact or question, HTTP out. No rules here: these files only translate."""

from fastapi import APIRouter

from lead_intake.api import (
    holdings,
    lead_lists,
    leads,
    merging,
    orders,
    partners,
    registers,
    rounds,
)

router = APIRouter(prefix="/v1")
router.include_router(leads.router)
router.include_router(lead_lists.router)
router.include_router(holdings.router)
router.include_router(merging.router)
router.include_router(orders.router)
router.include_router(registers.beside)
router.include_router(registers.router)
router.include_router(partners.router)
router.include_router(rounds.router)
