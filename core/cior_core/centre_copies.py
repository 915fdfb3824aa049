"""``[copies]`` of the centre file."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class CopiesSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[copies]``: the bucket, with object lock, into which what is held is copied. Left out: it is on the recorders'
    disks alone.
    """

    endpoint: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^https?://[^/?#@]+$",
            description="Where the bucket's server is; https unless it is this machine",
            examples=["https://s3.ciudad.example"],
        ),
    ]
    bucket: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$",
            description="The bucket: made with object lock, its default retention, if any, in mode COMPLIANCE",
            examples=["cior-retenido"],
        ),
    ]
    key_id: Annotated[
        str,
        msgspec.Meta(min_length=1, description="Id of the key that this centre asks with", examples=["cior"]),
    ]
    secret_file: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="File with the key's secret, relative to this one; read at each look",
            examples=["/srv/copies/secret"],
        ),
    ]
    region: Annotated[
        str, msgspec.Meta(min_length=1, description="Region of the bucket", examples=["us-east-1"])
    ] = "us-east-1"
    prefix: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^([A-Za-z0-9._\-]+/)*$",
            description="What names of objects begin with: empty, or ending in `/`",
            examples=["rosario/"],
        ),
    ] = ""
    ca_file: Annotated[
        str,
        msgspec.Meta(
            description="File of certificates to trust there, relative to this one; empty: the machine's",
            examples=["copies-ca.pem"],
        ),
    ] = ""
    mib_s: Annotated[
        float,
        msgspec.Meta(
            gt=0, description="The most that a recorder sends, MiB/s; as much comes back", examples=[20.0]
        ),
    ] = 20.0
    every_s: Annotated[
        float,
        msgspec.Meta(ge=1, le=3600, description="How often holds are looked at, s", examples=[10.0]),
    ] = 10.0

    @property
    def is_plain(self) -> bool:
        """Whether what is held would leave this machine in the clear."""
        return not self.endpoint.startswith("https://") and urlsplit(self.endpoint).hostname not in _LOOPBACK
