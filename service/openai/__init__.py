"""The picture routes of OpenAI's API, so that its clients work by changing their base URL."""
