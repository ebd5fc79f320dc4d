"""All models: importing this module completes `Base.metadata`, for the migrations."""
# ruff: noqa: F401

from .answers import models as answers
from .audit import models as audit
from .crypto.keyring import SealingKey as SealingKey
from .db.declarative import Base as Base
from .db.public_version import PublicVersion as PublicVersion
from .editions import models as editions
from .forms import models as forms
from .letters import models as letters
from .mail import models as mail
from .newsletters import former_names as former_names
from .newsletters import models as newsletters
from .newsletters import sending_tool as sending_tool
from .people import expert_pages as expert_pages
from .people import expert_photos as expert_photos
from .people import models as factor_table
from .people import models as identity_table
from .people import models as people
from .programs import models as programs
from .questions import models as questions
from .questions import models as translation_table
from .questions import models as translator_table
from .search import models as matching
from .watching import models as watching
from .workflows.overview import models as newsroom
