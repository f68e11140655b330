"""Tiny language models for the tests of prompt beautification."""

from pathlib import Path

import pytest

from model.language.loading import load_language_model
from model.language.pipeline import LanguagePipeline
from tests.language_models import write_language_model
from tests.model.conftest import CPU

SETTINGS = {"max_new_tokens": 12, "temperature": 1.0}


@pytest.fixture(scope="session")
def language_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model with a chat template; not to be changed."""
    return write_language_model(tmp_path_factory.mktemp("language") / "Tiny-Chat")


@pytest.fixture
def language(language_folder: Path) -> LanguagePipeline:
    """A pipeline of it that has not read anything."""
    return LanguagePipeline(load_language_model(language_folder, CPU, settings=SETTINGS))
