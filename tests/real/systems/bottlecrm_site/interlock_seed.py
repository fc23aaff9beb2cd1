"""Make one organisation, its administrator and a personal access token in an empty database.

Runs inside the BottleCRM environment: `interlock_seed.py OUT`. OUT receives one JSON object.
"""

import json
import os
import secrets
import sys
from pathlib import Path

import django  # type: ignore[import-not-found]


def main() -> None:
    """Seed the database of the settings and write what a client needs to know."""
    django.setup()
    # Models can be imported only now.
    from common.models import (  # type: ignore[import-not-found]
        Org,
        PersonalAccessToken,
        Profile,
        User,
    )
    from common.tasks import set_rls_context  # type: ignore[import-not-found]

    email = "admin@example.com"
    password = secrets.token_urlsafe(18)
    user = User.objects.create_superuser(email=email, password=password)
    org = Org.objects.create(name="Interlock Demo", default_currency="USD", default_country="US")
    set_rls_context(org.id)
    profile, _ = Profile.objects.get_or_create(user=user, org=org)
    profile.role, profile.is_active = "ADMIN", True
    profile.save()
    token, _ = PersonalAccessToken.generate(profile, "interlock", scopes=[])
    facts = {
        "token": token,
        "org_id": str(org.id),
        "org_api_key": org.api_key,
        "profile_id": str(profile.id),
        "admin_email": email,
        "admin_password": password,
        "secret_key": os.environ["SECRET_KEY"],
    }
    Path(sys.argv[1]).write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
