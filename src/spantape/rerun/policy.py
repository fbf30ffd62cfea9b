"""Who may have signed: what a verifier asks for beyond what a bundle says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spantape.errors import UsageError
from spantape.rerun.keys import PublicKey, TrustedKey

__all__ = ["TrustPolicy"]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """What is asked of a signature.

    `trusted_keys`: a bundle must be signed by one of them; None trusts no key in particular, and then a signature
    only says that the bundle was not changed by who does not sign. `require_signature`: an unsigned bundle fails;
    it does anyhow where there are trusted keys.

    Raises (when made):
        UsageError: no trusted key among those given, or something that is no key.
    """

    trusted_keys: Iterable[PublicKey | TrustedKey] | None = None
    require_signature: bool = False

    def __post_init__(self) -> None:
        if self.trusted_keys is None:
            return
        keys = tuple(map(_trusted, self.trusted_keys))
        if not keys:
            raise UsageError(
                "TrustPolicy(trusted_keys=…): got no key, expected at least one; None trusts any"
            )
        object.__setattr__(self, "trusted_keys", keys)

    @property
    def asks_for_signature(self) -> bool:
        """Whether an unsigned bundle fails."""
        return self.require_signature or self.trusted_keys is not None

    def find(self, key: PublicKey) -> TrustedKey | None:
        """The trusted key that `key` is, None where it is none of them."""
        return next((one for one in self._keys() if one.key == key), None)

    def trusts(self, key: PublicKey) -> bool:
        """Whether a signature by `key` will do."""
        return self.trusted_keys is None or self.find(key) is not None

    def _keys(self) -> tuple[TrustedKey, ...]:
        return tuple(map(_trusted, self.trusted_keys or ()))


def _trusted(key: PublicKey | TrustedKey) -> TrustedKey:
    if isinstance(key, TrustedKey):
        return key
    if isinstance(key, PublicKey):
        return TrustedKey(key)
    raise UsageError(
        f"TrustPolicy(trusted_keys=…): expected PublicKey or TrustedKey, got {type(key).__name__}"
    )
