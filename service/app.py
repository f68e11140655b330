"""The gateway: an ASGI application that turns requests into jobs and shows what becomes of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from service.bodies.limit import BodyLimit
from service.dependencies import get_caller, open_gateway
from service.description import DescribedApi
from service.error_answers import error_responses, install_error_handlers
from service.fusionbrain import routes as fusionbrain
from service.fusionbrain import styles as fusionbrain_styles
from service.headers import EXPOSED, METHODS, AnswerHeaders
from service.limits import limit_rate
from service.metrics import GatewayMetrics
from service.middleware import Observation, RequestId
from service.openai import routes as openai
from service.routes import events, generation, health, images, jobs, models, prompts, queue, styles, uploads
from service.settings import GatewaySettings

VERSION = "0.1.0"


def create_app(settings: GatewaySettings) -> FastAPI:
    """The application; it connects to nothing before its lifespan begins."""
    metrics = GatewayMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_gateway(settings, metrics) as gateway:
            app.state.gateway = gateway
            yield

    app = DescribedApi(
        title="Kandinsky Serve",
        version=VERSION,
        description="Pictures by the networks of the Kandinsky 3 family.",
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(Observation, metrics=metrics)
    if settings.cors_origins is not None:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins.split(","),
            allow_methods=METHODS,
            # Clients send headers of their own, and none of ours says who a browser is, as a cookie would.
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RequestId)
    install_error_handlers(app)
    keyed = error_responses(401, 503)
    # What makes jobs or uploads, at the rate of the API key.
    for module in (generation, prompts, uploads, openai, fusionbrain):
        app.include_router(module.router, dependencies=[Depends(limit_rate)], responses=keyed)
    # What only needs to know who asks.
    for module in (jobs, events, models, queue, styles):
        app.include_router(module.router, dependencies=[Depends(get_caller)], responses=keyed)
    # A picture may be seen by whoever has a signed URL of it, and anybody may ask how we are.
    for module in (images, health, fusionbrain_styles):
        app.include_router(module.router)
    return app
