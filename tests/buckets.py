"""Buckets of an S3 that speaks real HTTP, one for each test."""

from dataclasses import dataclass, field
from itertools import count

import boto3
import pytest

REGION = "us-east-1"
CREDENTIALS = {"aws_access_key_id": "tester", "aws_secret_access_key": "secret"}


@dataclass(frozen=True)
class Buckets:
    """A server of S3 at `endpoint`."""

    endpoint: str
    _numbers: "count[int]" = field(default_factory=count)

    def make(self, patch: pytest.MonkeyPatch) -> str:
        """URL of a folder in a new bucket, which the environment lets everybody reach until the test ends."""
        for name, value in {
            **{name.upper(): value for name, value in CREDENTIALS.items()},
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }.items():
            patch.setenv(name, value)
        name = f"pictures-{next(self._numbers)}"
        self._client().create_bucket(Bucket=name)
        return f"s3://{name}/some/folder"

    def keys(self, url: str) -> list[str]:
        """All keys in the bucket of a URL, those of uploads that are not complete included."""
        bucket = url.split("/")[2]
        whole = self._client().list_objects_v2(Bucket=bucket).get("Contents", [])
        partial = self._client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return [entry["Key"] for entry in (*whole, *partial)]

    def content_type(self, url: str, key: str) -> str:
        """What an object is said to be."""
        _, _, bucket, prefix = url.split("/", 3)
        return str(self._client().head_object(Bucket=bucket, Key=f"{prefix}/{key}")["ContentType"])

    def _client(self):  # type: ignore[no-untyped-def]
        return boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION, **CREDENTIALS)
