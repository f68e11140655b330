"""The gateway: an ASGI application that turns requests into jobs and shows what becomes of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service.dependencies import open_gateway
from service.errors import install_error_handlers
from service.metrics import GatewayMetrics
from service.middleware import BodyLimit, Observation, RequestId
from service.routes import events, generation, health, images, jobs, models, prompts, styles
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

    app = FastAPI(
        title="Kandinsky Serve",
        version=VERSION,
        description="Pictures by the networks of the Kandinsky 3 family.",
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(Observation, metrics=metrics)
    app.add_middleware(RequestId)
    install_error_handlers(app)
    for module in (generation, prompts, jobs, events, images, models, styles, health):
        app.include_router(module.router)
    return app
