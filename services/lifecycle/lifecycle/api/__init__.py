"""HTTP in, a question or a wish, HTTP out. No rules here: these files only translate."""

from fastapi import APIRouter

from lifecycle.api import customers, me, reports, wishes

router = APIRouter(prefix="/v1", tags=["customers"])
router.include_router(me.router)
router.include_router(customers.router)
router.include_router(wishes.router)
router.include_router(reports.router)
