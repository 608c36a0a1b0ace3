"""Who hears, speaks and understands: made as a worker makes them, and asked whether they are there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from dialer.bootstrap import make_recognizer
from dialer.doctor.finding import Finding, failed, ok, warning
from dialer.errors import ConfigError, DialerError
from dialer.settings import OpenAISettings, Settings
from dialer.speech.offline import OfflineSynthesizer

_OPENAI = "https://api.openai.com/v1"
_TIMEOUT_S = 8.0


async def check_providers(settings: Settings) -> list[Finding]:
    """Recogniser, voice and language model."""
    findings = [_hearing(settings), await _offline_voice(settings)]
    wanted = _models(settings)
    if wanted:
        findings.append(await _openai(settings.openai, wanted))
    return findings


def _hearing(settings: Settings) -> Finding:
    advice = "Set DIALER_SPEECH__RECOGNIZER=openai and DIALER_OPENAI__API_KEY."
    try:
        make_recognizer(settings)
    except (DialerError, OSError, ValueError) as error:
        return failed("hearing", str(error), advice)
    if settings.speech.recognizer == "phrase_bank":
        return warning("hearing", "the phrase bank hears simulated customers only", advice)
    return ok("hearing", settings.speech.recognizer)


async def _offline_voice(settings: Settings) -> Finding:
    """The voice itself, or what speaks when the provider is away."""
    is_fallback = settings.speech.synthesizer != "offline"
    advice = "pip install 'order-dialer[offline-voice]'"
    try:
        sound = await _first(OfflineSynthesizer().speak("проверка"))
    except DialerError as error:
        if is_fallback:
            return warning("voice", f"nothing speaks when the provider is away: {error}", advice)
        return failed("voice", str(error), advice)
    if not sound:
        return failed("voice", "the offline voice is silent", advice)
    if is_fallback:
        return ok("voice", f"{settings.speech.synthesizer}, with the offline voice to fall back on")
    return warning(
        "voice",
        "the offline voice speaks; it sounds like a machine",
        "For customers: DIALER_SPEECH__SYNTHESIZER=openai.",
    )


async def _first(chunks: AsyncIterator[bytes]) -> bytes:
    async for chunk in chunks:
        return chunk
    return b""


def _models(settings: Settings) -> dict[str, str]:
    """The models that are used, by what for."""
    used = {
        "transcribe_model": settings.speech.recognizer == "openai",
        "speech_model": settings.speech.synthesizer == "openai",
        "chat_model": settings.understanding.llm,
    }
    return {name: getattr(settings.openai, name) for name, is_used in used.items() if is_used}


async def _openai(settings: OpenAISettings, wanted: dict[str, str]) -> Finding:
    """One cheap request that needs the key: the list of models."""
    base = (settings.base_url or _OPENAI).rstrip("/")
    key = settings.api_key.get_secret_value()
    if not key and settings.base_url is None:
        return failed("provider", "openai.api_key is empty", "Set DIALER_OPENAI__API_KEY.")
    try:
        status, names = await _list_models(base, key)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        message = f"{base} cannot be reached ({type(error).__name__})"
        return failed("provider", message, "Check DIALER_OPENAI__BASE_URL and the way out of this network.")
    except ValueError as error:
        raise ConfigError(f"openai.base_url: {error}") from error
    if status in (401, 403):
        return failed("provider", f"{base} refuses the key ({status})", "Set DIALER_OPENAI__API_KEY to a valid key.")
    if status >= 400:
        return warning("provider", f"{base} answers {status} to /models", "Models could not be checked; try a call.")
    missing = [f"{setting}={name}" for setting, name in wanted.items() if name not in names]
    if missing:
        advice = "Correct DIALER_OPENAI__*, or ask the provider for access."
        return warning("provider", f"{base} does not list {', '.join(missing)}", advice)
    return ok("provider", f"{base} answers and knows {', '.join(wanted.values())}")


async def _list_models(base: str, key: str) -> tuple[int, set[str]]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
        session.get(f"{base}/models") as answer,
    ):
        if answer.status != 200:
            return answer.status, set()
        content = await answer.json(content_type=None)
    items = content.get("data", []) if isinstance(content, dict) else []
    return 200, {str(item.get("id")) for item in items if isinstance(item, dict)}
