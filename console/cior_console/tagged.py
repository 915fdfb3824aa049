"""Answers that seldom change: with an entity tag, so that a page which has one asks and gets nothing again."""

from __future__ import annotations

import hashlib

from aiohttp import ETag, web


def tagged(request: web.Request, body: bytes, content_type: str) -> web.Response:
    """``body``, or 304 for whoever has it (RFC 9110 §8.8.3, §13.1.2). Asked for each time; kept by no proxy."""
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if any(each.value in {"*", tag} for each in request.if_none_match or ()):
        answer = web.Response(status=304, headers=headers)
    else:
        answer = web.Response(body=body, content_type=content_type, headers=headers)
    answer.etag = ETag(tag)
    return answer
