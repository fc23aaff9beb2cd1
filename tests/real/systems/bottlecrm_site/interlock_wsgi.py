"""The WSGI application, which writes a signed-in JWT pair to the state folder when it is loaded.

Runs inside the BottleCRM environment. Webhooks and automation rules refuse personal access tokens,
and minting the pair here spares another start of Django.
"""

import json
import os
from pathlib import Path

from crm.wsgi import application  # type: ignore[import-not-found]

__all__ = ["application"]


def _write_tokens() -> None:
    from common.models import Profile  # type: ignore[import-not-found]
    from common.serializer import OrgAwareRefreshToken  # type: ignore[import-not-found]
    from common.tasks import set_rls_context  # type: ignore[import-not-found]
    from django.db import connection  # type: ignore[import-not-found]

    set_rls_context(os.environ["INTERLOCK_ORG"])
    profile = Profile.objects.select_related("user", "org").get(id=os.environ["INTERLOCK_PROFILE"])
    refresh = OrgAwareRefreshToken.for_user_and_org(profile.user, profile.org, profile)
    connection.close()
    path = Path(os.environ["INTERLOCK_STATE"]) / "tokens.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"access": str(refresh.access_token), "refresh": str(refresh)}))


_write_tokens()
