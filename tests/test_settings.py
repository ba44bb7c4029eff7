import hashlib

import pytest

from ner_runtime.errors import SettingError
from ner_runtime.inference.engine import default_batch_tokens
from ner_runtime.settings import Settings, load_settings, unknown_variables


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RANER_{name.upper()}", raising=False)
    settings = load_settings()
    assert (settings.model, settings.port, settings.engine) == ("active", 3000, "auto")
    assert settings.workers >= 1
    assert settings.threads_per_worker >= 1


def test_the_description_of_the_batch_size_has_the_defaults() -> None:
    small, base, gpu = default_batch_tokens(256), default_batch_tokens(768), default_batch_tokens(768, "cuda")
    description = str(Settings.model_fields["max_batch_tokens"].description)
    defaults = f"{gpu} on a GPU, {base} for models of the base size or larger, and {small} for smaller ones"
    assert description.endswith(f"or else {defaults}.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("RANER_RATE_LIMIT", value) for value in ("fast", "0/s", "5", "5/day", "5/s ", "-1/s")),
        *(("RANER_CACHE_URL", value) for value in ("on", "memory", "memory://?max_mb=0", "redis://", "http://h")),
        *(("RANER_CACHE_URL", f"redis://{rest}") for rest in ("h:99999", "h:abc", "u:p@[::1", "h/name", "h/1?foo=bar")),
        *(("RANER_CACHE_URL", value) for value in ("redis://h?protocol=9", "rediss://h?ssl_cert_reqs=some")),
        *(("RANER_REDACT_KEY", value) for value in ("short", "k" * 1025)),
        *(("RANER_API_KEYS", value) for value in (",", " , ", "sha256:zz")),
        *(("RANER_CORS_ORIGINS", value) for value in ("app.example", "https://a/b", "https://a,b")),
        *(("RANER_MODELS", value) for value in ("news", "news=", "=tag", "News=a", "a=x,a=y", "a=x,", "a" * 33 + "=x")),
        ("RANER_MODELS", ",".join(f"m{number}=x" for number in range(17))),
        *(("RANER_TRUSTED_PROXIES", value) for value in ("-1", "yes")),
        *(("RANER_LOG_LEVEL", value) for value in ("INFO", "trace")),
    ],
)
def test_invalid_values_are_rejected(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=f"^{name} is .*; allowed: "):
        load_settings()


def test_passwords_in_urls_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANER_CACHE_URL", "mysql://user:pass@host")
    with pytest.raises(SettingError) as raised:
        load_settings()
    assert "pass@" not in raised.value.message


def test_the_key_of_redactions_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANER_REDACT_KEY", "a key of 16 char")
    assert "a key" not in repr(load_settings())
    monkeypatch.setenv("RANER_REDACT_KEY", "too short")
    with pytest.raises(SettingError, match="value hidden") as raised:
        load_settings()
    assert "too short" not in raised.value.message


def test_valid_values_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANER_CORS_ORIGINS", "https://a.example, http://localhost:8080")
    monkeypatch.setenv("RANER_RATE_LIMIT", "600/min")
    monkeypatch.setenv("RANER_CACHE_URL", "rediss://:secret@cache.example:6380/1?ssl_cert_reqs=none")
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example", "http://localhost:8080")


def test_empty_variable_means_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANER_PORT", "")
    assert load_settings().port == 3000


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RANER_PORT", "abc", "RANER_PORT is 'abc'; allowed: 1 to 65535"),
        ("RANER_PORT", "0", "RANER_PORT is '0'; allowed: 1 to 65535"),
        ("RANER_WORKERS", "-1", "RANER_WORKERS is '-1'; allowed: 1 to 64"),
        ("RANER_ENGINE", "tensorrt", "RANER_ENGINE is 'tensorrt'; allowed: auto, onnxruntime, openvino"),
        ("RANER_TIMEOUT_S", "soon", "RANER_TIMEOUT_S is 'soon'; allowed: 0.1 to 3600"),
        ("RANER_TIMEOUT_S", "nan", "RANER_TIMEOUT_S is 'nan'; allowed: 0.1 to 3600"),
    ],
)
def test_message_names_the_setting_the_value_and_the_allowed_values(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as raised:
        load_settings()
    assert raised.value.message == message


def test_models_have_names_and_the_first_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(model="embedded").served_models == {"default": "embedded"}
    monkeypatch.setenv("RANER_MODELS", "news=raner-news:3f, resume=damo/nlp_raner@v1,cv=/models/a=b")
    settings = load_settings()
    assert settings.served_models == {"news": "raner-news:3f", "resume": "damo/nlp_raner@v1", "cv": "/models/a=b"}
    assert next(iter(settings.served_models)) == "news"
    assert settings.default_model == "raner-news:3f"


def test_one_model_or_several_are_configured_but_not_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANER_MODELS", "news=embedded")
    monkeypatch.setenv("RANER_MODEL", "")
    assert load_settings().served_models == {"news": "embedded"}
    monkeypatch.setenv("RANER_MODEL", "embedded")
    with pytest.raises(SettingError, match=r"^RANER_MODEL and RANER_MODELS are both set"):
        load_settings()


def test_default_lexicons_need_the_directory_of_the_lexicons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANER_DEFAULT_LEXICONS", "brands")
    with pytest.raises(SettingError, match=r"^RANER_DEFAULT_LEXICONS is set, but RANER_LEXICONS is not"):
        load_settings()
    monkeypatch.setenv("RANER_LEXICONS", "/lexicons")
    assert load_settings().default_lexicons == ("brands",)


def test_api_keys_are_stored_as_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(b"two").hexdigest()
    monkeypatch.setenv("RANER_API_KEYS", f"one, sha256:{digest.upper()},")
    settings = load_settings()
    assert settings.api_keys == (hashlib.sha256(b"one").hexdigest(), digest)
    assert "one" not in repr(settings)


def test_invalid_digest_is_rejected_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANER_API_KEYS", "sha256:secret")
    with pytest.raises(SettingError) as raised:
        load_settings()
    assert "RANER_API_KEYS" in raised.value.message
    assert "secret" not in raised.value.message


def test_default_threads_divide_the_cpus_between_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ner_runtime.settings.available_cpus", lambda: 8)
    assert Settings(workers=2).threads_per_worker == 4
    assert Settings(workers=16).threads_per_worker == 1
    assert Settings(workers=2, threads=3).threads_per_worker == 3
    assert Settings().threads_alone == 8


@pytest.mark.parametrize(
    ("workers", "threads", "device", "overlap"),
    [(1, 1, "cpu", True), (4, 2, "cpu", True), (8, 0, "cpu", False), (9, 1, "cpu", False), (8, 1, "cuda", True)],
)
def test_workers_with_one_thread_overlap_if_a_cpu_is_spare(
    monkeypatch: pytest.MonkeyPatch, workers: int, threads: int, device: str, overlap: bool
) -> None:
    monkeypatch.setattr("ner_runtime.settings.available_cpus", lambda: 8)
    assert Settings(workers=workers, threads=threads, device=device).overlap is overlap


def test_unknown_variables_are_listed_with_the_setting_that_was_probably_meant() -> None:
    environ = {"RANER_THREDS": "1", "RANER_API_KEY": "k", "RANER_COLOUR": "red", "PATH": "/bin"}
    assert unknown_variables(environ) == {
        "RANER_API_KEY": "RANER_API_KEYS",
        "RANER_COLOUR": None,
        "RANER_THREDS": "RANER_THREADS",
    }


def test_settings_empty_variables_and_service_links_of_kubernetes_are_not_unknown() -> None:
    settings = {"RANER_PORT": "1", "raner_workers": "1", "RANER_COLOUR": ""}
    links = dict.fromkeys(("RANER_SERVICE_HOST", "RANER_SERVICE_PORT_HTTP", "RANER_PORT_3000_TCP_ADDR"), "10.0.0.1")
    assert unknown_variables({**settings, **links}) == {}
