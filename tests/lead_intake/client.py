"""Speaks REST to the service in a role."""

from typing import Any

import httpx
import msgspec


class Client:
    """Speaks to a house as one role."""

    def __init__(self, http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
        self._http, self._tokens = http, tokens

    async def __call__(
        self, method: str, path: str, content: Any, role: str = "admin", **headers: str
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self._tokens[role]}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        return await self._http.request(method, f"/v1{path}", content=body, headers=sent)

    async def bulk(self, path: str, rows: list[Any], **headers: str) -> list[dict[str, Any]]:
        lines = [row if isinstance(row, bytes) else msgspec.json.encode(row) for row in rows]
        response = await self(
            "POST", path, b"\n".join(lines), Content_Type="application/x-ndjson", **headers
        )
        assert response.status_code == 200, response.text
        return [msgspec.json.decode(line) for line in response.content.splitlines()]
