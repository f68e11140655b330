"""Requests that make a prompt richer."""

from service.requests.wording import WordedRequest
from worker.jobs.stages import Kind


class BeautificationRequest(WordedRequest):
    """A prompt, for a language model to make richer; the style, if there is one, is added to what it says."""

    kind = Kind.BEAUTIFICATION

    @property
    def path(self) -> str:
        """Where it is sent to."""
        return "/v1/prompts/beautify"
