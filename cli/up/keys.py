"""The system's own secrets: from the environment where it names them, else made at the first start; always kept."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, Field

from cli.embedded.kept import keep, kept, password
from shared.environment import PREFIX, SecretKey, load
from shared.tokens import API_PREFIX, make


class Given(BaseModel):
    """What the environment of `keepwatch up` may decide."""

    secret_key: SecretKey | None = Field(default=None, repr=False)
    admin_password: str | None = Field(default=None, repr=False)
    admin_token: str | None = Field(default=None, repr=False)


class Keys:
    """Files (0600) with one secret each: services get the files' names, so that no environment holds a secret."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        given = load(Given, environ)
        self.password_is_new = not given.admin_password and not self._file("ADMIN_PASSWORD").exists()
        self._keep_given(given)
        kept(self._file("SECRET_KEY"), password)
        self.admin_password = kept(self._file("ADMIN_PASSWORD"), lambda: password()[:20])
        self.admin_token = kept(self._file("ADMIN_TOKEN"), lambda: make(API_PREFIX))

    def place(self, name: str, value: str) -> None:
        """Keep a secret that is known only now."""
        keep(self._file(name), value)

    def read(self, name: str) -> str:
        """The secret of that name."""
        return self._file(name).read_text().strip()

    def variables(self, *names: str) -> dict[str, str]:
        """The settings that lead a service to these secrets."""
        return {f"{PREFIX}{name}_FILE": str(self._file(name)) for name in names}

    def _keep_given(self, given: Given) -> None:
        for name, value in given:
            if value:
                self.place(name.upper(), value)

    def _file(self, name: str) -> Path:
        return self._folder / name.lower().replace("_", "-")
