"""The queues: how much there is to do, and how fast it is done."""

from fastapi import APIRouter

from service.answers.schemas import QueueList, QueueResponse
from service.dependencies import TheCaller, TheGateway
from service.error_answers import error_responses
from service.intake.estimates import Outlook
from worker.jobs.job import Priority
from worker.jobs.stages import Kind, queue_name

router = APIRouter(prefix="/v1/queue", tags=["models"], responses=error_responses(503))


@router.get("")
def show_queues(gateway: TheGateway, caller: TheCaller) -> QueueList:
    """Show for every kind and model how many jobs wait and run, how fast they are taken, and how long a job
    that is sent now would wait, at the highest priority that you may ask for.

    Kinds that share a `queue` share its figures. The rate is that of the last hundred jobs or so that had
    to wait. A request whose wait would be longer than its `deadline_seconds`, or than the operator allows, is
    refused as `queue_full`, and so is any while as many jobs wait as may; those of lower priority aside.
    """
    outlook, priority = gateway.lookout.look(), caller.grant(Priority.INTERACTIVE)
    cards = outlook.offer.cards.values()
    return QueueList(data=[_show(kind, card.id, outlook, priority) for card in cards for kind in card.kinds])


def _show(kind: Kind, model: str, outlook: Outlook, priority: Priority) -> QueueResponse:
    queue = queue_name(kind, model)
    state, interval = outlook.queues[queue], outlook.interval(queue)
    wait = outlook.wait_seconds(queue, state.num_before(priority))
    return QueueResponse(
        kind=kind,
        model=model,
        queue=queue,
        depth=state.num_queued,
        running=state.num_running,
        capacity=outlook.num_places(queue),
        rate_per_minute=round(60 / interval, 2) if interval else None,
        estimated_wait_seconds=None if wait is None else round(wait, 1),
    )
