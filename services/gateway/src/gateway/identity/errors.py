"""What can go wrong with users and sign-ins."""

from plantkit.errors import DomainError, Invalid, Kind, Unauthenticated


class SignInRefused(Unauthenticated):
    """User name and password do not belong together, the user is disabled, or the account rests after many failures.

    Which of these it was is not told, by the answer or by its time.
    """

    code = "auth.sign-in-refused"
    cure = "Check both and wait a little; an administrator can set a new password."


class RefreshRefused(Unauthenticated):
    """The refresh token is unknown, over, or was used before; a second use ends the whole sign-in."""

    code = "auth.refresh-refused"
    cure = "Sign in again."


class TooManySignIns(DomainError):
    """One source tries to sign in too often."""

    kind = Kind.LIMITED
    code = "auth.too-many-sign-ins"
    cure = "Wait for the time in Retry-After."


class WeakPassword(Invalid):
    """The password is too short, too well known, or contains its owner's name."""

    code = "user.weak-password"
    cure = "Choose a longer one; three or four unrelated words are good."


class LastAdministrator(DomainError):
    """Without this user nobody could administer the plant any more."""

    kind = Kind.CONFLICT
    code = "user.last-administrator"
    cure = "Make somebody else an administrator first."
