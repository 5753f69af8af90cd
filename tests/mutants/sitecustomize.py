"""Found by every Python that is started with this folder on its path: plants the fault that is named.

What fails here, Python only mentions: it would go on with no fault planted, and none would be seen.
"""

import os
import traceback

if name := os.environ.get("PERENNIAL_MUTANT"):
    from planted import plant  # type: ignore[import-not-found]  # beside us, on that path

    try:
        plant(name)
    except Exception:
        traceback.print_exc()
        os._exit(70)
