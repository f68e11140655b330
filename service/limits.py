"""The limit on how often a caller may ask for jobs and uploads."""

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from service.dependencies import TheCaller, TheGateway
from service.errors import RateLimited


async def limit_rate(request: Request, gateway: TheGateway, caller: TheCaller) -> None:
    """Count a request that makes something, and tell what is left. Raises RateLimited."""
    if request.method != "POST" or caller.rate is None:
        return
    allowance = await run_in_threadpool(gateway.rates.take, caller.owner, caller.rate)
    request.state.headers.update(allowance.headers)
    if not allowance.granted:
        seconds = allowance.reset_seconds
        message = f"the rate of the API key, {caller.rate}, is used up; try again in {seconds} s"
        raise RateLimited(message, seconds, {"rate": caller.rate})
