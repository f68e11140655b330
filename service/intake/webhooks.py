"""Whom a request wants told what becomes of its job."""

from collections.abc import Sequence

from service.errors import InvalidRequest
from worker.jobs.addresses import Guard
from worker.jobs.errors import AddressRefused
from worker.jobs.job import Webhook, WebhookEvent

#: What is told unless the request says otherwise: how the job ends.
ENDS = (WebhookEvent.SUCCEEDED, WebhookEvent.FAILED, WebhookEvent.CANCELED, WebhookEvent.EXPIRED)


def read_webhook(
    url: str | None, events: Sequence[WebhookEvent] | None, job_url: str, guard: Guard
) -> Webhook | None:
    """The webhook of a request that names `url`; None for one that names none.

    Raises InvalidRequest for an address that may not be reached, as far as it shows before it is looked up,
    and for `webhook_events` that nobody would be told.
    """
    if url is None:
        if events is not None:
            raise InvalidRequest("webhook_events needs a webhook_url", param="webhook_events")
        return None
    try:
        guard.check_url(url)
    except AddressRefused as error:
        raise InvalidRequest(f"webhook_url {error}", param="webhook_url") from error
    return Webhook(url=url, events=tuple(dict.fromkeys(events or ENDS)), job_url=job_url)
