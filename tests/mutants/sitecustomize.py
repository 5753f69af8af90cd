"""Found by every Python that is started with this folder on its path: plants the fault that is named."""

import os

if name := os.environ.get("PERENNIAL_MUTANT"):
    from planted import plant  # type: ignore[import-not-found]  # beside us, on that path

    plant(name)
